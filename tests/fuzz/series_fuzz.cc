// What the time view reads back from its files, as if the checksum before it were right: nodes,
// edits, histories, heads, and their columns of numbers. What is taken is written again and must be
// the same.
// With: common/* store/* timeview/*
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/timeview/block_leaf.h"
#include "firth/timeview/integer_codec.h"
#include "firth/timeview/record.h"
#include "firth/timeview/series_head.h"
#include "firth/timeview/value_codec.h"

using namespace firth;            // NOLINT: a program of one function
using namespace firth::timeview;  // NOLINT: a program of one function

namespace {

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

void ReadIntegers(Bytes bytes, size_t count) {
  std::vector<int64_t> numbers(count);
  ByteReader in(bytes);
  if (!DecodeIntegers(&in, numbers).ok()) return;
  for (const CodedFor use : {CodedFor::kKeeping, CodedFor::kWaiting}) {
    std::string again;
    IntegerEncoder().Encode(numbers, use, &again);
    std::vector<int64_t> same(count);
    ByteReader second(AsBytes(again));
    Require(DecodeIntegers(&second, same).ok() && same == numbers);
  }
}

void ReadValues(Bytes bytes, size_t count) {
  std::vector<double> values(count);
  ByteReader in(bytes);
  if (!DecodeValues(&in, values).ok()) return;
  for (const CodedFor use : {CodedFor::kKeeping, CodedFor::kWaiting}) {
    std::string again;
    IntegerEncoder integers;
    ValueEncoder().Encode(values, use, &integers, &again);
    std::vector<double> same(count);
    ByteReader second(AsBytes(again));
    Require(DecodeValues(&second, same).ok());
    for (size_t i = 0; i < count; ++i) {
      Require(std::bit_cast<uint64_t>(values[i]) == std::bit_cast<uint64_t>(same[i]));
    }
  }
}

/// A leaf that stays coded, as a reader of one place looks at it.
void ReadBlocks(const Node& node) {
  const BlockLeaf leaf(node.coded);
  std::array<int64_t, Node::kBlockPoints> times;
  std::array<double, Node::kBlockPoints> values;
  for (size_t i = 0; i < leaf.blocks(); ++i) {
    leaf.Times(i, times);
    leaf.Values(i, values);
    if (leaf.blocks() > 1) static_cast<void>(leaf.StatisticsAt(i));
    Require(times[0] == leaf.FirstTime(i) && leaf.BlockOf(times[0]) <= i);
  }
}

void ReadNode(Bytes bytes, uint8_t choice) {
  constexpr std::array kKinds = {RecordKind::kLeaf, RecordKind::kInner, RecordKind::kPile,
                                 RecordKind::kBlockLeaf};
  RecordHeader header;
  header.kind = kKinds[choice % kKinds.size()];
  header.width = static_cast<uint8_t>(choice / kKinds.size());
  header.bytes = static_cast<uint32_t>(bytes.size());
  header.start = 0;
  header.revision = choice;
  auto node = DecodeNode(header, bytes);
  if (!node.ok() || !(*node)->leaf()) return;
  if ((*node)->is_coded()) {
    ReadBlocks(**node);
    node = Unpack(**node);
    if (!node.ok()) return;
  }
  // What has no value is in no leaf; it cannot be summarised again.
  for (const double value : (*node)->values) {
    if (!std::isfinite(value)) return;
  }
  const PayloadEncoder::EncodedNode again = PayloadEncoder().EncodeNode(**node);
  header.kind = again.kind;
  auto same = DecodeNode(header, AsBytes(again.payload));
  Require(same.ok());
  if ((*same)->is_coded()) same = Unpack(**same);
  Require(same.ok() && (*same)->times.size() == (*node)->times.size());
  for (size_t i = 0; i < (*node)->times.size(); ++i) {
    Require((*same)->times[i] == (*node)->times[i]);
    Require(std::bit_cast<uint64_t>((*same)->values[i]) ==
            std::bit_cast<uint64_t>((*node)->values[i]));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Bytes bytes = AsBytes(text);
  ByteReader in(bytes);
  switch (data[0] % 8) {
    case 0:
      ReadIntegers(bytes, data[1]);
      break;
    case 1:
      ReadValues(bytes, data[1]);
      break;
    case 2:
      static_cast<void>(DecodeEdits(bytes));
      break;
    case 3:
      static_cast<void>(DecodeHistory(&in));
      break;
    case 4:
      static_cast<void>(DecodeHistoryIndex(&in));
      break;
    case 5:
      static_cast<void>(SeriesHead::Decode(SeriesId{}, bytes, NodeAddress{}));
      static_cast<void>(DecodeHeadPartIndex(NodeAddress{}, &in));
      break;
    case 6:
      static_cast<void>(ParseRecord(bytes, NodeAddress{}));
      static_cast<void>(ParseRecordHeader(bytes));
      static_cast<void>(CheckFileHeader(bytes, FileKind::kNodes, data[1]));
      break;
    default:
      ReadNode(bytes, data[1]);
  }
  return 0;
}
