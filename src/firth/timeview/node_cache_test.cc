// Goal: a cache of nodes finds what was put in, keeps to its bound, and keeps what is used. Method:
// many nodes of one size, more than there is room for; each that is found must be the one that was
// put in there.

#include "firth/timeview/node_cache.h"

#include <gtest/gtest.h>

#include <vector>

#include "firth/timeview/record.h"

namespace firth::timeview {
namespace {

NodePtr SomeNode(uint32_t number) {
  const std::vector<int64_t> times(20, number);
  const std::vector<double> values(20, 1);
  return MakeLeaf(6, 0, 1, {times, values}).node;
}
NodeAddress AddressOf(uint32_t number) {
  return {.file = 1 + number % 3, .offset = 7 * number, .bytes = 100};
}

TEST(NodeCacheTest, FindsWhatWasPutInAndKeepsToItsBound) {
  constexpr uint32_t kNodes = 20'000;
  constexpr uint64_t kBytes = uint64_t{2} << 20;
  NodeCache cache(kBytes);
  for (uint32_t i = 0; i < kNodes; ++i) {
    cache.Insert(AddressOf(i), SomeNode(i));
    ASSERT_LE(cache.GetStats().bytes, kBytes);
    const NodePtr found = cache.Find(AddressOf(i));
    ASSERT_NE(found, nullptr) << "what was just put in is there";
    ASSERT_EQ(found->times.front(), i);
  }
  uint32_t there = 0;
  for (uint32_t i = 0; i < kNodes; ++i) {
    const NodePtr found = cache.Find(AddressOf(i));
    if (!found) continue;
    ++there;
    ASSERT_EQ(found->times.front(), i);
  }
  EXPECT_GE(cache.GetStats().bytes, kBytes / 2);
  EXPECT_GT(there, 1000u);
  cache.Clear();
  EXPECT_EQ(cache.GetStats().bytes, 0u);
  EXPECT_EQ(cache.Find(AddressOf(kNodes - 1)), nullptr);
}

TEST(NodeCacheTest, WhatIsUsedStays) {
  NodeCache cache(uint64_t{1} << 20);
  const NodePtr used = SomeNode(0);
  cache.Insert(AddressOf(0), used);
  int lost = 0;
  for (uint32_t i = 1; i < 20'000; ++i) {
    cache.Insert(AddressOf(i), SomeNode(i));
    if (cache.Find(AddressOf(0)) == used) continue;
    ++lost;
    cache.Insert(AddressOf(0), used);
  }
  // When all are marked, for the first time, it is as good as any.
  EXPECT_LE(lost, 2);
}

TEST(NodeCacheTest, WhatOneReadBringsDoesNotPushOutItself) {
  constexpr uint32_t kRead = 500;
  NodeCache cache(uint64_t{2} << 20);
  uint32_t next = 0;
  uint32_t lost = 0;
  for (int read = 0; read < 100; ++read) {
    const uint32_t first = next;
    for (; next < first + kRead; ++next) cache.Insert(AddressOf(next), SomeNode(next));
    for (uint32_t i = first; i < next; ++i) lost += cache.Find(AddressOf(i)) == nullptr ? 1 : 0;
  }
  EXPECT_GE(cache.GetStats().bytes, uint64_t{1} << 20) << "more was put in than there is room for";
  EXPECT_LE(lost, next / 100) << lost;
}

TEST(NodeCacheTest, ManyAreFoundAsOneByOne) {
  NodeCache cache(uint64_t{8} << 20);
  std::vector<NodeLink> links(500);
  std::vector<const NodeLink*> wanted;
  for (uint32_t i = 0; i < links.size(); ++i) {
    links[i].address = AddressOf(i);
    wanted.push_back(&links[i]);
    if (i % 3 != 0) cache.Insert(AddressOf(i), SomeNode(i));
  }
  std::vector<NodePtr> found(links.size());
  const NodePtr own = SomeNode(1'000'000);
  found[7] = own;
  cache.FindMany(wanted, found);
  for (uint32_t i = 0; i < links.size(); ++i) {
    if (i == 7) {
      EXPECT_EQ(found[i], own);
    } else {
      EXPECT_EQ(found[i], cache.Find(AddressOf(i))) << i;
      EXPECT_EQ(found[i] != nullptr, i % 3 != 0) << i;
    }
  }
}

TEST(NodeCacheTest, NothingFitsInNothing) {
  NodeCache cache(0);
  cache.Insert(AddressOf(1), SomeNode(1));
  EXPECT_EQ(cache.Find(AddressOf(1)), nullptr);
}

TEST(NodeCacheTest, ALeafThatIsNotCodedTakesThePlaceOfOneThatIs) {
  const NodePtr whole = SomeNode(7);
  const auto encoded = PayloadEncoder().EncodeNode(*whole);
  ASSERT_EQ(encoded.kind, RecordKind::kBlockLeaf);
  const NodePtr coded =
      DecodeNode({.kind = encoded.kind, .width = 6}, AsBytes(encoded.payload)).ValueOrDie();
  NodeCache cache(uint64_t{1} << 20);
  cache.Insert(AddressOf(7), coded);
  const uint64_t bytes = cache.GetStats().bytes;
  EXPECT_EQ(cache.Find(AddressOf(7)), coded);
  cache.Insert(AddressOf(7), whole);
  EXPECT_EQ(cache.Find(AddressOf(7)), whole);
  EXPECT_EQ(cache.GetStats().bytes, bytes + whole->MemoryBytes() - coded->MemoryBytes());
  cache.Insert(AddressOf(7), coded);
  EXPECT_EQ(cache.Find(AddressOf(7)), whole);
}

}  // namespace
}  // namespace firth::timeview
