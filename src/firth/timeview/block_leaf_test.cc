// Goal: what is read of one block of a leaf is what was put in, bit for bit; windows over leaves
// that stay coded are those of plain code; hostile bytes are refused or read without harm. Method:
// round trips over shapes of times and values, at sizes about those of a block; views without a
// cache beside a model; every byte of leaves changed, and random ones.

#include "firth/timeview/block_leaf.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "firth/store/memory_file_system.h"
#include "firth/timeview/record.h"
#include "firth/timeview/testing_model.h"

namespace firth::timeview {
namespace {

using TimeShape = std::function<int64_t(std::mt19937_64*, size_t, int64_t)>;  // after the last one
using ValueShape = std::function<double(std::mt19937_64*, size_t)>;

std::vector<TimeShape> TimeShapes() {
  return {
      [](auto*, size_t i, int64_t) { return static_cast<int64_t>(i) * 1'000'000'000 / 120; },
      [](auto*, size_t i, int64_t) { return kTimeMin + static_cast<int64_t>(i); },
      [](auto*, size_t, int64_t) { return kTimeLast; },
      [](auto* random, size_t, int64_t last) {
        return last + static_cast<int64_t>((*random)() % 3);
      },
      [](auto* random, size_t, int64_t last) {
        return last + static_cast<int64_t>((*random)() % 1'000'000'007);
      },
      [](auto* random, size_t i, int64_t last) {
        return i % 200 == 199 ? last + (int64_t{1} << 52)
                              : last + static_cast<int64_t>((*random)() % 100);
      },
  };
}

std::vector<ValueShape> ValueShapes() {
  return {
      [](auto* random, size_t) {
        return static_cast<float>(7200 + std::normal_distribution<double>(0, 0.05)(*random));
      },
      [](auto*, size_t) { return 50.0; },
      [](auto*, size_t) { return -0.0; },
      [](auto* random, size_t) { return static_cast<double>((*random)() % 5); },
      [](auto* random, size_t) { return static_cast<double>((*random)() % 100'000) / 100; },
      [](auto* random, size_t i) {
        return i % 97 == 5 ? std::sqrt(static_cast<double>((*random)()))
                           : static_cast<double>((*random)() % 1'000) / 10;
      },
      [](auto* random, size_t) {
        for (;;) {
          const auto value = std::bit_cast<double>((*random)());
          if (std::isfinite(value)) return value;
        }
      },
      [](auto*, size_t i) { return i % 2 == 0 ? 1.7e308 : -1.7e308; },
      [](auto*, size_t i) { return static_cast<double>(i) * 5e-324; },
  };
}

NodePtr SomeLeaf(std::mt19937_64* random, const TimeShape& time, const ValueShape& value,
                 size_t points) {
  std::vector<int64_t> times;
  std::vector<double> values;
  for (size_t i = 0; i < points; ++i) {
    times.push_back(time(random, i, times.empty() ? 0 : times.back()));
    values.push_back(value(random, i));
  }
  return MakeLeaf(32, 0, 11, {times, values}).node;
}

RecordHeader HeaderOf(const PayloadEncoder::EncodedNode& encoded) {
  return {.kind = encoded.kind,
          .width = 32,
          .bytes = static_cast<uint32_t>(encoded.payload.size()),
          .series = {},
          .start = 0,
          .revision = 11};
}

void ExpectSame(const Node& got, const Node& want) {
  ASSERT_EQ(got.times.size(), want.times.size());
  ASSERT_EQ(got.width, want.width);
  ASSERT_EQ(got.start, want.start);
  ASSERT_EQ(got.revision, want.revision);
  for (size_t i = 0; i < want.times.size(); ++i) {
    ASSERT_EQ(got.times[i], want.times[i]) << i;
    ASSERT_EQ(std::bit_cast<uint64_t>(got.values[i]), std::bit_cast<uint64_t>(want.values[i])) << i;
  }
}

TEST(BlockLeafTest, PointsComeBackBitForBit) {
  std::mt19937_64 random(1);
  PayloadEncoder encoder;
  int of_blocks = 0;
  int as_a_whole = 0;
  for (const TimeShape& time : TimeShapes()) {
    for (const ValueShape& value : ValueShapes()) {
      for (const size_t points : {1, 2, 3, 127, 128, 129, 255, 256, 257, 1000, 1536}) {
        const NodePtr leaf = SomeLeaf(&random, time, value, points);
        const auto encoded = encoder.EncodeNode(*leaf);
        const auto node = DecodeNode(HeaderOf(encoded), AsBytes(encoded.payload));
        ASSERT_TRUE(node.ok()) << node.status();
        if (encoded.kind == RecordKind::kLeaf) {
          ++as_a_whole;
          ExpectSame(**node, *leaf);
          continue;
        }
        ++of_blocks;
        ASSERT_TRUE((*node)->is_coded());
        const auto unpacked = Unpack(**node);
        ASSERT_TRUE(unpacked.ok()) << unpacked.status();
        ExpectSame(**unpacked, *leaf);
        const BlockLeaf coded((*node)->coded);
        ASSERT_EQ(coded.blocks(), leaf->blocks.size());
        for (size_t i = 0; coded.blocks() > 1 && i < coded.blocks(); ++i) {
          ASSERT_EQ(coded.StatisticsAt(i), leaf->blocks[i]);
        }
        for (size_t i = 0; i < points; i += 1 + points / 20) {
          const size_t block = coded.BlockOf(leaf->times[i]);
          ASSERT_TRUE(block == 0 || coded.FirstTime(block) < leaf->times[i]);
          ASSERT_TRUE(block + 1 == coded.blocks() || coded.FirstTime(block + 1) >= leaf->times[i]);
        }
      }
    }
  }
  EXPECT_GT(of_blocks, 400);
  EXPECT_GT(as_a_whole, 10) << "a few large steps in each block are not paid for by all";
}

TEST(BlockLeafTest, AnInstrumentsPointsTakeTwoBytes) {
  std::mt19937_64 random(2);
  const NodePtr leaf = SomeLeaf(&random, TimeShapes()[0], ValueShapes()[0], 1024);
  const auto encoded = PayloadEncoder().EncodeNode(*leaf);
  EXPECT_EQ(encoded.kind, RecordKind::kBlockLeaf);
  EXPECT_LE(encoded.payload.size(), size_t{2 * 1024});
}

/// Read all that readers read of bytes that may be anything.
void Look(Bytes bytes) {
  RecordHeader header{.kind = RecordKind::kBlockLeaf, .width = 32};
  const auto node = DecodeNode(header, bytes);
  if (!node.ok()) {
    EXPECT_EQ(ReasonOf(node.status()), Reason::kChecksumMismatch);
    return;
  }
  const BlockLeaf leaf((*node)->coded);
  std::array<int64_t, Node::kBlockPoints> times;
  std::array<double, Node::kBlockPoints> values;
  for (size_t i = 0; i < leaf.blocks(); ++i) {
    leaf.Times(i, times);
    leaf.Values(i, values);
    EXPECT_EQ(times[0], leaf.FirstTime(i));
  }
  static_cast<void>(Unpack(**node));
}

TEST(BlockLeafTest, HostileBytesDoNoHarm) {
  std::mt19937_64 random(3);
  const auto values = ValueShapes();
  for (const size_t which : {size_t{0}, size_t{5}, size_t{6}}) {
    const NodePtr leaf = SomeLeaf(&random, TimeShapes()[4], values[which], 300);
    std::string payload;
    ValueEncoder encoder;
    ASSERT_TRUE(
        BlockLeafEncoder().Encode({leaf->times, leaf->values}, leaf->blocks, &encoder, &payload));
    for (size_t cut = 0; cut < payload.size(); cut += 1 + cut / 64) {
      ASSERT_FALSE(BlockLeaf::Check(AsBytes(payload).first(cut)).ok()) << cut;
    }
    for (size_t at = 0; at < payload.size(); ++at) {
      std::string damaged = payload;
      for (const int bit : {0, 3, 7}) {
        damaged[at] = static_cast<char>(payload[at] ^ (1 << bit));
        Look(AsBytes(damaged));
      }
    }
    for (int i = 0; i < 2000; ++i) {
      std::string damaged = payload;
      for (uint64_t k = 0; k <= random() % 4; ++k) {
        damaged[random() % std::min<size_t>(damaged.size(), 200)] = static_cast<char>(random());
      }
      Look(AsBytes(damaged));
    }
  }
}

TEST(BlockLeafTest, WindowsOverCodedLeavesAreThoseOfPlainCode) {
  std::mt19937_64 random(4);
  for (const TimeShape& time : TimeShapes()) {
    for (const uint32_t leaf_points_max : {100u, 300u, 1536u}) {
      auto files = std::make_unique<store::MemoryFileSystem>();
      // Without a cache each look reads what is in the files.
      const TimeViewOptions options{
          .files = files.get(), .node_cache_bytes = 0, .leaf_points_max = leaf_points_max};
      ModelSeries model;
      OwnedEdit edit;
      edit.edit.series = TestSeries(1);
      edit.edit.revision = kEmptyRevision + 1;
      edit.edit.commit = CommitId(1);
      for (size_t i = 0; i < 3000; ++i) {
        edit.times.push_back(time(&random, i, edit.times.empty() ? 0 : edit.times.back()));
        edit.values.push_back(static_cast<float>(random() % 1000) / 8);
      }
      model.Apply(edit.get());
      auto view = TimeView::Open(options).ValueOrDie();
      TIMEVIEW_OK(view->Apply({&edit.get(), 1}, edit.edit.commit));
      TIMEVIEW_OK(view->Checkpoint());
      for (uint64_t seed = 0; seed < 25 && !HasFailure(); ++seed) {
        Comparison(view.get(), TestSeries(1), &model, seed).Revision(model.latest());
      }
    }
  }
}

TEST(BlockLeafTest, FilesOfTheFirstVersionAreRead) {
  EXPECT_TRUE(
      CheckFileHeader(AsBytes(EncodeFileHeader(FileKind::kNodes, 7, 1)), FileKind::kNodes, 7).ok());
  EXPECT_TRUE(
      CheckFileHeader(AsBytes(EncodeFileHeader(FileKind::kNodes, 7)), FileKind::kNodes, 7).ok());
  const std::string newer = EncodeFileHeader(FileKind::kNodes, 7, kFormatVersion + 1);
  EXPECT_EQ(ReasonOf(CheckFileHeader(AsBytes(newer), FileKind::kNodes, 7)), Reason::kFormatTooNew);
}

}  // namespace
}  // namespace firth::timeview
