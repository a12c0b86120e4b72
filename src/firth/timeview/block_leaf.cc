#include "firth/timeview/block_leaf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "firth/timeview/bit_packing.h"
#include "firth/timeview/number_range.h"

namespace firth::timeview {
namespace {

constexpr size_t kBlock = Node::kBlockPoints;

// The head of a leaf, then what its fields say, in this order:
// | first times, i64 a block | statistics, 4 f64 a block, if there are several
// | first numbers of values, i64 a block, for order 1 | odd values, 8 bytes each
// | bases of times, of values | odd places, u16 each | widths of times, of values, u8 a block
// | packed times | packed values
constexpr size_t kPointsAt = 0;          // u32
constexpr size_t kOddAt = 4;             // u16: odd values
constexpr size_t kRuleAt = 6;            // u8
constexpr size_t kOrderAt = 7;           // u8: of the numbers of values, 0 or 1; that of times is 1
constexpr size_t kScaleAt = 8;           // i16
constexpr size_t kTimeBaseBytesAt = 10;  // u8: 0, 1, 2, 4 or 8
constexpr size_t kValueBaseBytesAt = 11;
constexpr size_t kPackedTimesAt = 12;  // u32: bytes
constexpr size_t kTimeBaseAt = 16;     // i64
constexpr size_t kValueBaseAt = 24;    // i64
constexpr size_t kHeadBytes = 32;

constexpr size_t kLineBytes = 64;
/// Wider numbers are kept whole.
constexpr int kWhole = 64;
/// Bits of a point that may be spent on reading blocks alone: where a few numbers of each block are
/// much larger than the others, packing pays the width of the largest for all.
constexpr double kBitsMore = 6;

size_t BlocksOf(size_t points) {
  return (points + kBlock - 1) / kBlock;
}
size_t InBlock(size_t points, size_t block) {
  return std::min(kBlock, points - block * kBlock);
}

/// Of the points of a block, so many numbers are packed.
size_t Packed(size_t points, int order) {
  return points - static_cast<size_t>(order);
}

size_t BytesOfBlock(size_t numbers, int width) {
  return width == kWhole ? numbers * sizeof(uint64_t) : PackedBytes(numbers, width);
}

/// The least of 0, 1, 2, 4 and 8 bytes that hold a number.
size_t BytesFor(uint64_t number) {
  const auto bytes = static_cast<size_t>(std::bit_width(number) + 7) / 8;
  return bytes <= 2 ? bytes : std::bit_ceil(bytes);
}

uint64_t LoadBase(const std::byte* at, size_t bytes) {
  uint64_t base = 0;
  std::memcpy(&base, at, bytes);
  return base;
}

uint64_t Wrapped(int64_t number) {
  return static_cast<uint64_t>(number);
}

}  // namespace

/// How the numbers of a column, or within each block the differences of neighbours, are packed: as
/// what they are more than the least of their block. All of it wraps.
void BlockLeafEncoder::Plan(std::span<const int64_t> numbers, int order, Column* column) {
  column->order = order;
  column->bases.clear();
  column->widths.clear();
  column->packed_bytes = 0;
  int64_t least = std::numeric_limits<int64_t>::max();
  int64_t greatest = std::numeric_limits<int64_t>::min();
  for (size_t begin = 0; begin < numbers.size(); begin += kBlock) {
    const auto block = numbers.subspan(begin, std::min(kBlock, numbers.size() - begin));
    auto [low, high] = order == 0 ? RangeOf(block) : RangeOfSteps(block);
    const size_t count = Packed(block.size(), order);
    if (count == 0) low = high = least <= greatest ? least : 0;
    int width = static_cast<int>(std::bit_width(Wrapped(high) - Wrapped(low)));
    if (width > kPackedBitsMax) width = kWhole;
    column->bases.push_back(low);
    column->widths.push_back(static_cast<uint8_t>(width));
    column->packed_bytes += BytesOfBlock(count, width);
    least = std::min(least, low);
    greatest = std::max(greatest, low);
  }
  column->base = least;
  column->base_bytes = BytesFor(Wrapped(greatest) - Wrapped(least));
}

void BlockLeafEncoder::Pack(std::span<const int64_t> numbers, const Column& column,
                            std::string* out) {
  for (size_t block = 0; block < column.widths.size(); ++block) {
    const int width = column.widths[block];
    if (width == 0) continue;
    const auto in = numbers.subspan(block * kBlock, InBlock(numbers.size(), block));
    const uint64_t base = Wrapped(column.bases[block]);
    left_.resize(Packed(in.size(), column.order));
    if (column.order == 0) {
      NumbersAbove(in, base, left_);
    } else {
      StepsAbove(in, base, left_);
    }
    if (width == kWhole) {
      out->append(reinterpret_cast<const char*>(left_.data()), left_.size() * sizeof(uint64_t));
    } else {
      PackBits(left_, width, out);
    }
  }
}

bool BlockLeafEncoder::Encode(PointSpan leaf, std::span<const Statistics> statistics,
                              ValueEncoder* values, std::string* out) {
  const size_t points = leaf.size();
  const size_t blocks = BlocksOf(points);
  FIRTH_CHECK(points > 0 && points <= kLeafPointsRead && statistics.size() == blocks);
  const ValueEncoder::Numbers turned = values->Turn(leaf.values);
  if (turned.odd.size() > std::numeric_limits<uint16_t>::max()) return false;
  Plan(leaf.times, 1, &times_);
  Plan(turned.numbers, 0, &values_[0]);
  Plan(turned.numbers, 1, &values_[1]);
  const auto bytes = [&](const Column& column) {
    return column.packed_bytes +
           blocks * (column.base_bytes + (column.order == 1 ? sizeof(int64_t) : 0));
  };
  const Column& column = values_[bytes(values_[1]) < bytes(values_[0]) ? 1 : 0];
  const double spent = 8.0 * static_cast<double>(times_.packed_bytes + column.packed_bytes);
  const double count = static_cast<double>(points);
  if (spent > count * (turned.plan.bits + kBitsMore) &&
      spent > count * (turned.plan.bits + kBitsMore + IntegerEncoder::PlanOf(leaf.times).bits)) {
    return false;
  }

  AppendLe(out, static_cast<uint32_t>(points));
  AppendLe(out, static_cast<uint16_t>(turned.odd.size()));
  AppendLe(out, turned.rule.rule);
  AppendLe(out, static_cast<uint8_t>(column.order));
  AppendLe(out, turned.rule.scale);
  AppendLe(out, static_cast<uint8_t>(times_.base_bytes));
  AppendLe(out, static_cast<uint8_t>(column.base_bytes));
  AppendLe(out, static_cast<uint32_t>(times_.packed_bytes));
  AppendLe(out, times_.base);
  AppendLe(out, column.base);
  for (size_t i = 0; i < points; i += kBlock) AppendLe(out, leaf.times[i]);
  if (blocks > 1) {
    for (const Statistics& block : statistics) {
      for (const double part : {block.min, block.mean, block.max, block.stddev}) {
        AppendLe(out, std::bit_cast<uint64_t>(part));
      }
    }
  }
  if (column.order == 1) {
    for (size_t i = 0; i < points; i += kBlock) AppendLe(out, turned.numbers[i]);
  }
  for (const uint32_t place : turned.odd) {
    AppendLe(out, std::bit_cast<uint64_t>(leaf.values[place]));
  }
  for (const Column* each : std::initializer_list<const Column*>{&times_, &column}) {
    for (const int64_t base : each->bases) {
      const uint64_t more = Wrapped(base) - Wrapped(each->base);
      out->append(reinterpret_cast<const char*>(&more), each->base_bytes);
    }
  }
  for (const uint32_t place : turned.odd) AppendLe(out, static_cast<uint16_t>(place));
  for (const Column* each : std::initializer_list<const Column*>{&times_, &column}) {
    out->append(reinterpret_cast<const char*>(each->widths.data()), blocks);
  }
  Pack(leaf.times, times_, out);
  Pack(turned.numbers, column, out);
  return true;
}

Status BlockLeaf::Check(Bytes bytes) {
  if (bytes.size() < kHeadBytes) return Malformed("the head of a leaf");
  const size_t points = LoadLe<uint32_t>(bytes.data() + kPointsAt);
  const size_t odd = LoadLe<uint16_t>(bytes.data() + kOddAt);
  const ValueRule rule{.rule = LoadLe<uint8_t>(bytes.data() + kRuleAt),
                       .scale = LoadLe<int16_t>(bytes.data() + kScaleAt)};
  const int order = LoadLe<uint8_t>(bytes.data() + kOrderAt);
  const size_t time_bytes = LoadLe<uint8_t>(bytes.data() + kTimeBaseBytesAt);
  const size_t value_bytes = LoadLe<uint8_t>(bytes.data() + kValueBaseBytesAt);
  ARROW_RETURN_NOT_OK(CheckRule(rule));
  const auto is_size = [](size_t size) { return size <= 2 || size == 4 || size == 8; };
  if (points == 0 || points > kLeafPointsRead || odd > points || order > 1 ||
      !is_size(time_bytes) || !is_size(value_bytes)) {
    return Malformed("the head of a leaf");
  }
  const size_t blocks = BlocksOf(points);
  const size_t statistics = blocks > 1 ? 4 * sizeof(double) * blocks : 0;
  const size_t before_widths = kHeadBytes + blocks * sizeof(int64_t) + statistics +
                               static_cast<size_t>(order) * blocks * sizeof(int64_t) +
                               odd * sizeof(uint64_t) + blocks * (time_bytes + value_bytes) +
                               odd * sizeof(uint16_t);
  if (bytes.size() < before_widths + 2 * blocks) return Malformed("the length of a leaf");
  std::array<size_t, 2> packed{};
  for (size_t i = 0; i < 2 * blocks; ++i) {
    const int width = LoadLe<uint8_t>(bytes.data() + before_widths + i);
    if (width > kPackedBitsMax && width != kWhole) return Malformed("a width of a leaf");
    const bool of_values = i >= blocks;
    const size_t count = InBlock(points, of_values ? i - blocks : i);
    packed[of_values ? 1 : 0] += BytesOfBlock(Packed(count, of_values ? order : 1), width);
  }
  if (packed[0] != LoadLe<uint32_t>(bytes.data() + kPackedTimesAt) ||
      bytes.size() != before_widths + 2 * blocks + packed[0] + packed[1]) {
    return Malformed("the length of a leaf");
  }
  const BlockLeaf leaf(bytes);
  for (size_t i = 1; i < blocks; ++i) {
    if (leaf.FirstTime(i) < leaf.FirstTime(i - 1)) return Malformed("the order of a leaf");
  }
  for (size_t i = 0; blocks > 1 && i < blocks; ++i) {
    const Statistics block = leaf.StatisticsAt(i);
    if (!(block.min <= block.mean && block.mean <= block.max && block.stddev >= 0)) {
      return Malformed("the statistics of a leaf");
    }
  }
  for (size_t i = 0; i < odd; ++i) {
    const size_t place = LoadLe<uint16_t>(leaf.odd_places_ + 2 * i);
    if (place >= points || (i > 0 && place <= LoadLe<uint16_t>(leaf.odd_places_ + 2 * i - 2))) {
      return Malformed("a value out of its column");
    }
  }
  return Status::OK();
}

BlockLeaf::BlockLeaf(Bytes bytes)
    : points_(LoadLe<uint32_t>(bytes.data() + kPointsAt)),
      blocks_(BlocksOf(points_)),
      rule_{.rule = LoadLe<uint8_t>(bytes.data() + kRuleAt),
            .scale = LoadLe<int16_t>(bytes.data() + kScaleAt)},
      odd_(LoadLe<uint16_t>(bytes.data() + kOddAt)) {
  times_.order = 1;
  times_.base = LoadLe<int64_t>(bytes.data() + kTimeBaseAt);
  times_.base_bytes = LoadLe<uint8_t>(bytes.data() + kTimeBaseBytesAt);
  values_.order = LoadLe<uint8_t>(bytes.data() + kOrderAt);
  values_.base = LoadLe<int64_t>(bytes.data() + kValueBaseAt);
  values_.base_bytes = LoadLe<uint8_t>(bytes.data() + kValueBaseBytesAt);
  const std::byte* at = bytes.data() + kHeadBytes;
  const auto take = [&at](size_t size) {
    const std::byte* const begin = at;
    at += size;
    return begin;
  };
  firsts_ = times_.firsts = take(blocks_ * sizeof(int64_t));
  statistics_ = take(blocks_ > 1 ? 4 * sizeof(double) * blocks_ : 0);
  values_.firsts = take(values_.order == 1 ? blocks_ * sizeof(int64_t) : 0);
  odd_values_ = take(odd_ * sizeof(uint64_t));
  times_.bases = take(blocks_ * times_.base_bytes);
  values_.bases = take(blocks_ * values_.base_bytes);
  odd_places_ = take(odd_ * sizeof(uint16_t));
  times_.widths = take(blocks_);
  values_.widths = take(blocks_);
  // What is packed is read in words, of which the last may end behind the leaf.
  const std::byte* const end = bytes.data() + bytes.size() + kSlack;
  times_.packed = {at, end};
  values_.packed = {at + LoadLe<uint32_t>(bytes.data() + kPackedTimesAt), end};
}

Statistics BlockLeaf::StatisticsAt(size_t block) const {
  const auto part = [&](size_t i) {
    return std::bit_cast<double>(LoadLe<uint64_t>(statistics_ + 8 * (4 * block + i)));
  };
  return {
      .count = PointsOf(block), .min = part(0), .mean = part(1), .max = part(2), .stddev = part(3)};
}

size_t BlockLeaf::BlockOf(int64_t time) const {
  size_t low = 0;  // it begins before, or is the first
  size_t high = blocks_;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    (FirstTime(middle) < time ? low : high) = middle;
  }
  return low;
}

size_t BlockLeaf::PackedAt(const Column& column, size_t block) {
  size_t at = 0;
  for (size_t i = 0; i < block; ++i) {
    at += BytesOfBlock(Packed(kBlock, column.order), static_cast<int>(column.widths[i]));
  }
  return at;
}

void BlockLeaf::Prefetch(size_t block) const {
  for (const Column* column : {&times_, &values_}) {
    const auto width = static_cast<int>(column->widths[block]);
    const std::byte* const begin = column->packed.data() + PackedAt(*column, block);
    const size_t bytes = BytesOfBlock(kBlock, width);
    for (size_t i = 0; i < bytes; i += kLineBytes) __builtin_prefetch(begin + i);
  }
}

void BlockLeaf::Numbers(const Column& column, size_t block, std::span<int64_t> numbers) const {
  const size_t at = PackedAt(column, block);
  const int width = static_cast<int>(column.widths[block]);
  const uint64_t base =
      Wrapped(column.base) + LoadBase(column.bases + block * column.base_bytes, column.base_bytes);
  const auto skipped = static_cast<size_t>(column.order);
  const auto rest = numbers.subspan(skipped);
  const std::span<uint64_t> left(reinterpret_cast<uint64_t*>(rest.data()), rest.size());
  const Bytes packed = column.packed.subspan(at);
  if (width == 0) {
    std::fill(left.begin(), left.end(), 0);
  } else if (width == kWhole) {
    std::memcpy(left.data(), packed.data(), left.size_bytes());
  } else {
    UnpackBits(packed, width, left);
  }
  if (column.order == 0) {
    for (uint64_t& number : left) number += base;
    return;
  }
  numbers[0] = LoadLe<int64_t>(column.firsts + 8 * block);
  uint64_t before = Wrapped(numbers[0]);
  for (uint64_t& number : left) number = before += number + base;
}

void BlockLeaf::Times(size_t block, std::span<int64_t> times) const {
  Numbers(times_, block, times.first(PointsOf(block)));
}

void BlockLeaf::Values(size_t block, std::span<double> values) const {
  std::array<int64_t, kBlock> room;
  const auto numbers = std::span(room).first(PointsOf(block));
  Numbers(values_, block, numbers);
  FromNumbers(rule_, numbers, values.first(numbers.size()));
  for (size_t i = 0; i < odd_; ++i) {
    const size_t place = LoadLe<uint16_t>(odd_places_ + 2 * i);
    if (place / kBlock == block) {
      values[place % kBlock] = std::bit_cast<double>(LoadLe<uint64_t>(odd_values_ + 8 * i));
    }
  }
}

NodePtr NewCodedLeaf(int width, int64_t start, int64_t revision, Bytes coded, NodeMemory* memory) {
  // With as many bytes behind them as their reader needs.
  const NewNode made(coded.size() + BlockLeaf::kSlack, memory);
  Node& node = *made.node;
  node.width = static_cast<uint8_t>(width);
  node.start = start;
  node.revision = revision;
  std::memcpy(made.storage.data(), coded.data(), coded.size());
  std::memset(made.storage.data() + coded.size(), 0, BlockLeaf::kSlack);
  node.coded = made.storage.first(coded.size());
  return made.node;
}

Result<NodePtr> Unpack(const Node& leaf, NodeMemory* memory) {
  FIRTH_CHECK(leaf.is_coded());
  const BlockLeaf coded(leaf.coded);
  NewLeaf out(coded.points(), memory);
  out.node->width = leaf.width;
  out.node->start = leaf.start;
  out.node->revision = leaf.revision;
  for (size_t block = 0; block < coded.blocks(); ++block) {
    const size_t begin = block * kBlock;
    coded.Times(block, out.times.subspan(begin, coded.PointsOf(block)));
    coded.Values(block, out.values.subspan(begin, coded.PointsOf(block)));
  }
  if (!std::is_sorted(out.times.begin(), out.times.end())) {
    return Malformed("the order of a leaf");
  }
  out.Finish();
  return out.node;
}

}  // namespace firth::timeview
