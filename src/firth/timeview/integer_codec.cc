#include "firth/timeview/integer_codec.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "firth/timeview/bit_packing.h"
#include "firth/timeview/step_codec.h"

namespace firth::timeview {
namespace {

/// Sampled to choose how a column is coded.
constexpr size_t kSample = 128;
constexpr size_t kSampleLeast = 32;
/// The high part of a typical number has about this many bits: few enough symbols for a Huffman
/// table of a thousand numbers to pay off.
constexpr int kHighBits = 4;
constexpr int kLevel = 1;
/// Of fewer bytes a frame saves little, and takes as long as one of many: series of few points
/// have many such columns.
constexpr size_t kFrameLeast = 64;
/// Of fewer numbers, and of any that wait, all bits are packed, unless a few numbers have many bits
/// more than the others.
constexpr size_t kPackedMost = 256;

/// Numbers that would need more bits than this are looked at as steps of one unit, which is taken
/// when so large a part of the bits will do.
constexpr double kStepsBits = 4;
constexpr double kStepsPart = 1;

enum class BlockKind : uint8_t { kPlain = 0, kEqual = 1, kZstd = 2 };

constexpr uint64_t ZigZag(uint64_t difference) {
  const auto n = static_cast<int64_t>(difference);
  return (difference << 1) ^ static_cast<uint64_t>(n >> 63);
}
constexpr uint64_t UnZigZag(uint64_t code) {
  return (code >> 1) ^ (uint64_t{0} - (code & 1));
}

/// A number amid others: of nine of them the median of the medians of three, of fewer the median.
/// It is asked for often, and needs only be near.
uint64_t Amid(std::span<const uint64_t> numbers) {
  const auto middle_of = [](int64_t a, int64_t b, int64_t c) {
    return std::max(std::min(a, b), std::min(std::max(a, b), c));
  };
  constexpr size_t kLooks = 9;
  std::array<int64_t, kLooks> looks;
  const size_t count = std::min(numbers.size(), kLooks);
  if (count == 0) return 0;
  for (size_t i = 0; i < count; ++i) {
    looks[i] = static_cast<int64_t>(numbers[i * numbers.size() / count]);
  }
  if (count < kLooks) {
    const auto middle = looks.begin() + static_cast<ptrdiff_t>(count / 2);
    std::nth_element(looks.begin(), middle, looks.begin() + static_cast<ptrdiff_t>(count));
    return static_cast<uint64_t>(*middle);
  }
  return static_cast<uint64_t>(middle_of(middle_of(looks[0], looks[3], looks[6]),
                                         middle_of(looks[1], looks[4], looks[7]),
                                         middle_of(looks[2], looks[5], looks[8])));
}

/// Differences of wrapping numbers, `order` times (0 to 2). The first `order` places are not set.
void Differences(std::span<const int64_t> numbers, int order, uint64_t* out) {
  const size_t n = numbers.size();
  const auto at = [&](size_t i) { return static_cast<uint64_t>(numbers[i]); };
  if (order == 0) {
    for (size_t i = 0; i < n; ++i) out[i] = at(i);
  } else if (order == 1) {
    for (size_t i = 1; i < n; ++i) out[i] = at(i) - at(i - 1);
  } else {
    for (size_t i = 2; i < n; ++i) out[i] = at(i) - 2 * at(i - 1) + at(i - 2);
  }
}

/// The width that half of the numbers have at most.
int TypicalWidth(std::span<const uint64_t> numbers) {
  std::array<size_t, 65> widths{};
  for (const uint64_t number : numbers) ++widths[static_cast<size_t>(std::bit_width(number))];
  size_t seen = 0;
  int width = 0;
  for (; width < 64; ++width) {
    seen += widths[static_cast<size_t>(width)];
    if (2 * seen >= numbers.size()) break;
  }
  return width;
}

void AppendHead(int order, int low, int planes, std::span<const int64_t> first, uint64_t middle,
                std::string* out) {
  out->push_back(static_cast<char>(order));
  out->push_back(static_cast<char>(low));
  out->push_back(static_cast<char>(planes));
  for (const int64_t number : first) AppendLe(out, number);
  AppendLe(out, middle);
}

/// Put a byte of each number to its place. In steps of a size that is known, for the compiler.
void AddPlane(Bytes plane, int shift, std::span<uint64_t> numbers) {
  constexpr size_t kStep = 8;
  size_t i = 0;
  for (; i + kStep <= numbers.size(); i += kStep) {
    for (size_t k = 0; k < kStep; ++k) {
      numbers[i + k] |= static_cast<uint64_t>(plane[i + k]) << shift;
    }
  }
  for (; i < numbers.size(); ++i) numbers[i] |= static_cast<uint64_t>(plane[i]) << shift;
}

/// One decompressor a thread: making one costs more than reading a leaf with it.
ZSTD_DCtx* ThreadDecompressor() {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  FIRTH_CHECK(context != nullptr);
  return context.get();
}

/// Room for a block: that of a leaf needs no memory of the heap.
class Scratch {
 public:
  std::byte* Get(size_t bytes) {
    if (bytes <= sizeof small_) return small_;
    if (large_.size() < bytes) large_.resize(bytes);
    return large_.data();
  }

 private:
  std::byte small_[4096];
  std::vector<std::byte> large_;
};

/// Read a block of `bytes` bytes; the view lies in `in` or in `scratch`.
Result<Bytes> ReadBlock(ByteReader* in, size_t bytes, Scratch* scratch) {
  const auto kind = static_cast<BlockKind>(in->Le<uint8_t>());
  switch (kind) {
    case BlockKind::kPlain: {
      const Bytes block = in->Take(bytes);
      if (!in->ok()) return Malformed("a block that is cut off");
      return block;
    }
    case BlockKind::kEqual: {
      const auto byte = in->Le<uint8_t>();
      if (!in->ok()) return Malformed("a block that is cut off");
      std::byte* const to = scratch->Get(bytes);
      std::memset(to, byte, bytes);
      return Bytes(to, bytes);
    }
    case BlockKind::kZstd: {
      const Bytes compressed = in->Take(in->Varint());
      if (!in->ok()) return Malformed("a block that is cut off");
      std::byte* const to = scratch->Get(bytes);
      const size_t got = ZSTD_decompressDCtx(ThreadDecompressor(), to, bytes, compressed.data(),
                                             compressed.size());
      if (ZSTD_isError(got) || got != bytes) return Malformed("a zstd block");
      return Bytes(to, bytes);
    }
  }
  return Malformed("a block of unknown kind");
}

}  // namespace

Status Malformed(const char* what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               std::string("cannot be decoded: ") + what);
}

void IntegerEncoder::FreeContext::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

IntegerEncoder::IntegerEncoder() : context_(ZSTD_createCCtx()) {
  FIRTH_CHECK(context_ != nullptr);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_contentSizeFlag, 0);
}
IntegerEncoder::~IntegerEncoder() = default;

ColumnPlan IntegerEncoder::PlanOf(std::span<const int64_t> numbers) {
  // By a run of neighbours from the middle of the column.
  const size_t taken =
      std::min(numbers.size(), std::clamp(numbers.size() / 8, kSampleLeast, kSample));
  const auto sample = numbers.subspan((numbers.size() - taken) / 2, taken);
  std::array<uint64_t, kSample> room;
  ColumnPlan best;
  for (int order = 0; order <= 2; ++order) {
    const auto skipped = static_cast<size_t>(order);
    if (skipped >= taken) break;
    Differences(sample, order, room.data());
    const auto left = std::span<const uint64_t>(room).subspan(skipped, taken - skipped);
    const uint64_t middle = Amid(left);
    uint64_t bits = 0;
    for (const uint64_t number : left) {
      bits += static_cast<uint64_t>(std::bit_width(ZigZag(number - middle)));
    }
    const double mean = static_cast<double>(bits) / static_cast<double>(left.size());
    if (order == 0 || mean < best.bits) best = {order, middle, mean};
  }
  return best;
}

// | u8 order | u8 low bits | u8 planes | `order` times i64: the first numbers | i64 median
// | block: the low bits, packed, if any | a block a plane: bits low .. low+7 of what is left, and
// so on
void IntegerEncoder::Encode(std::span<const int64_t> numbers, const ColumnPlan& plan, CodedFor use,
                            std::string* out) {
  FIRTH_CHECK(numbers.size() <= kColumnMax);
  if (!numbers.empty() && std::all_of(numbers.begin(), numbers.end(),
                                      [&](int64_t n) { return n == numbers.front(); })) {
    // As below: order 0, whose median is all there is to say.
    out->append(3, '\0');
    AppendLe(out, numbers.front());
    return;
  }
  const bool few = numbers.size() < kPackedMost || use == CodedFor::kWaiting;
  if (plan.order > 0 && plan.bits > kStepsBits && !few &&
      EncodeSteps(numbers, plan.bits * kStepsPart, out)) {
    return;
  }
  const auto first = numbers.first(std::min(static_cast<size_t>(plan.order), numbers.size()));
  left_.resize(numbers.size());
  Differences(numbers, plan.order, left_.data());
  if (few && EncodePacked(first, plan, out)) return;
  const std::span<uint64_t> left = std::span(left_).subspan(first.size());
  uint64_t all = 0;
  for (uint64_t& number : left) {
    number = ZigZag(number - plan.middle);
    all |= number;
  }
  const int low = std::clamp(TypicalWidth(left) - kHighBits, 0, kPackedBitsMax);
  const int planes = (static_cast<int>(std::bit_width(all >> low)) + 7) / 8;
  AppendHead(plan.order, low, planes, first, plan.middle, out);
  if (low > 0) {
    packed_.resize(left.size());
    const uint64_t mask = (uint64_t{1} << low) - 1;
    for (size_t i = 0; i < left.size(); ++i) packed_[i] = left[i] & mask;
    block_.clear();
    PackBits(packed_, low, &block_);
    AddBlock(block_, out);
  }
  for (int plane = 0; plane < planes; ++plane) {
    block_.resize(left.size());
    const int shift = low + 8 * plane;
    for (size_t i = 0; i < left.size(); ++i) block_[i] = static_cast<char>(left[i] >> shift);
    AddBlock(block_, out);
  }
}

bool IntegerEncoder::EncodePacked(std::span<const int64_t> first, const ColumnPlan& plan,
                                  std::string* out) {
  const std::span<uint64_t> left = std::span(left_).subspan(first.size());
  int64_t least = std::numeric_limits<int64_t>::max();
  int64_t greatest = std::numeric_limits<int64_t>::min();
  for (const uint64_t number : left) {
    least = std::min(least, static_cast<int64_t>(number));
    greatest = std::max(greatest, static_cast<int64_t>(number));
  }
  // About the middle of their range all of them have the fewest bits.
  const uint64_t range = static_cast<uint64_t>(greatest) - static_cast<uint64_t>(least);
  const uint64_t middle = static_cast<uint64_t>(least) + range / 2 + (range & 1);
  const auto code = [middle](int64_t number) {
    return ZigZag(static_cast<uint64_t>(number) - middle);
  };
  const int width =
      left.empty() ? 0 : static_cast<int>(std::bit_width(code(least) | code(greatest)));
  if (width > kPackedBitsMax) return false;
  if (width > kHighBits + static_cast<int>(plan.bits)) {
    // Do half of them have so many fewer bits?
    const uint64_t small = uint64_t{1} << (width - kHighBits - 1);
    size_t smaller = 0;
    for (const uint64_t number : left) smaller += ZigZag(number - plan.middle) < small ? 1 : 0;
    if (2 * smaller >= left.size()) return false;
  }
  AppendHead(plan.order, width, 0, first, middle, out);
  if (width == 0) return true;
  for (uint64_t& number : left) number = ZigZag(number - middle);
  out->push_back(static_cast<char>(BlockKind::kPlain));
  PackBits(left, width, out);
  return true;
}

void IntegerEncoder::AddBlock(const std::string& bytes, std::string* out) {
  if (bytes.size() > 1 &&
      std::all_of(bytes.begin(), bytes.end(), [&](char byte) { return byte == bytes.front(); })) {
    out->push_back(static_cast<char>(BlockKind::kEqual));
    out->push_back(bytes.front());
    return;
  }
  if (bytes.size() < kFrameLeast) {
    out->push_back(static_cast<char>(BlockKind::kPlain));
    out->append(bytes);
    return;
  }
  compressed_.resize(ZSTD_compressBound(bytes.size()));
  const size_t compressed = ZSTD_compress2(context_.get(), compressed_.data(), compressed_.size(),
                                           bytes.data(), bytes.size());
  FIRTH_CHECK(!ZSTD_isError(compressed));
  if (compressed + 3 < bytes.size()) {
    out->push_back(static_cast<char>(BlockKind::kZstd));
    AppendVarint(out, compressed);
    out->append(compressed_, 0, compressed);
  } else {
    out->push_back(static_cast<char>(BlockKind::kPlain));
    out->append(bytes);
  }
}

Status DecodeIntegers(ByteReader* in, std::span<int64_t> numbers) {
  FIRTH_CHECK(numbers.size() <= kColumnMax);
  const int order = in->Le<uint8_t>();
  if (order == kStepsOrder) return DecodeSteps(in, numbers);
  const int low = in->Le<uint8_t>();
  const int planes = in->Le<uint8_t>();
  if (order > 2 || low > kPackedBitsMax || planes > 8 || low + 8 * (planes - 1) >= 64) {
    return Malformed("the head of a column");
  }
  const size_t skipped = std::min(static_cast<size_t>(order), numbers.size());
  for (size_t i = 0; i < skipped; ++i) numbers[i] = in->Le<int64_t>();
  const auto middle = in->Le<uint64_t>();
  if (!in->ok()) return Malformed("a column that is cut off");

  // What is left is put together in place of the numbers.
  const std::span<int64_t> rest = numbers.subspan(skipped);
  const std::span<uint64_t> left(reinterpret_cast<uint64_t*>(rest.data()), rest.size());
  Scratch scratch;
  if (low > 0) {
    const size_t bytes = PackedBytes(left.size(), low);
    ARROW_ASSIGN_OR_RAISE(const Bytes packed, ReadBlock(in, bytes, &scratch));
    UnpackBits(packed, low, left);
  } else {
    std::fill(left.begin(), left.end(), 0);
  }
  for (int plane = 0; plane < planes; ++plane) {
    ARROW_ASSIGN_OR_RAISE(const Bytes block, ReadBlock(in, left.size(), &scratch));
    AddPlane(block, low + 8 * plane, left);
  }
  uint64_t before = skipped == 0 ? 0 : static_cast<uint64_t>(numbers[skipped - 1]);
  if (order == 0) {
    for (uint64_t& number : left) number = UnZigZag(number) + middle;
  } else if (order == 1) {
    for (uint64_t& number : left) number = before += UnZigZag(number) + middle;
  } else if (skipped == 2) {
    uint64_t step = before - static_cast<uint64_t>(numbers[0]);
    for (uint64_t& number : left) {
      step += UnZigZag(number) + middle;
      number = before += step;
    }
  }
  return Status::OK();
}

}  // namespace firth::timeview
