#include "firth/timeview/integer_codec.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>

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
/// Of fewer numbers all bits are packed, unless a few numbers have many bits more than the others.
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

uint64_t Median(std::span<int64_t> sample) {
  if (sample.empty()) return 0;
  const auto middle = sample.begin() + static_cast<ptrdiff_t>(sample.size() / 2);
  std::nth_element(sample.begin(), middle, sample.end());
  return static_cast<uint64_t>(*middle);
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

struct Plan {
  int order = 0;
  uint64_t middle = 0;
  double bits = 0;  // a number
};

/// Choose by a run of neighbours from the middle of the column.
Plan Choose(std::span<const int64_t> numbers) {
  const size_t taken =
      std::min(numbers.size(), std::clamp(numbers.size() / 8, kSampleLeast, kSample));
  const auto sample = numbers.subspan((numbers.size() - taken) / 2, taken);
  std::array<uint64_t, kSample> left;
  std::array<int64_t, kSample> sorted;
  Plan best;
  for (int order = 0; order <= 2; ++order) {
    const auto skipped = static_cast<size_t>(order);
    if (skipped >= taken) break;
    Differences(sample, order, left.data());
    for (size_t i = skipped; i < taken; ++i) sorted[i] = static_cast<int64_t>(left[i]);
    const uint64_t middle = Median(std::span(sorted).subspan(skipped, taken - skipped));
    uint64_t bits = 0;
    for (size_t i = skipped; i < taken; ++i) {
      bits += static_cast<uint64_t>(std::bit_width(ZigZag(left[i] - middle)));
    }
    const double mean = static_cast<double>(bits) / static_cast<double>(taken - skipped);
    if (order == 0 || mean < best.bits) best = {order, middle, mean};
  }
  return best;
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

double IntegerEncoder::EstimateBits(std::span<const int64_t> numbers) {
  return Choose(numbers).bits;
}

// | u8 order | u8 low bits | u8 planes | `order` times i64: the first numbers | i64 median
// | block: the low bits, packed, if any | a block a plane: bits low .. low+7 of what is left, and
// so on
void IntegerEncoder::Encode(std::span<const int64_t> numbers, std::string* out) {
  FIRTH_CHECK(numbers.size() <= kColumnMax);
  if (!numbers.empty() && std::all_of(numbers.begin(), numbers.end(),
                                      [&](int64_t n) { return n == numbers.front(); })) {
    // As below: order 0, whose median is all there is to say.
    out->append(3, '\0');
    AppendLe(out, numbers.front());
    return;
  }
  const Plan plan = Choose(numbers);
  if (plan.order > 0 && plan.bits > kStepsBits && numbers.size() >= kPackedMost &&
      EncodeSteps(numbers, plan.bits * kStepsPart, out)) {
    return;
  }
  const size_t skipped = std::min(static_cast<size_t>(plan.order), numbers.size());
  left_.resize(numbers.size());
  Differences(numbers, plan.order, left_.data());
  const std::span<uint64_t> left = std::span(left_).subspan(skipped);
  uint64_t all = 0;
  for (uint64_t& number : left) {
    number = ZigZag(number - plan.middle);
    all |= number;
  }
  const int width = static_cast<int>(std::bit_width(all));
  const int typical = TypicalWidth(left);
  const bool packed =
      left.size() < kPackedMost && width <= std::min(typical + kHighBits, kPackedBitsMax);
  const int low = packed ? width : std::clamp(typical - kHighBits, 0, kPackedBitsMax);
  const int planes = (static_cast<int>(std::bit_width(all >> low)) + 7) / 8;
  out->push_back(static_cast<char>(plan.order));
  out->push_back(static_cast<char>(low));
  out->push_back(static_cast<char>(planes));
  for (size_t i = 0; i < skipped; ++i) AppendLe(out, numbers[i]);
  AppendLe(out, plan.middle);
  if (low > 0) {
    block_.clear();
    PackBits(left, low, &block_);
    AddBlock(block_, !packed, out);
  }
  for (int plane = 0; plane < planes; ++plane) {
    block_.resize(left.size());
    const int shift = low + 8 * plane;
    for (size_t i = 0; i < left.size(); ++i) block_[i] = static_cast<char>(left[i] >> shift);
    AddBlock(block_, true, out);
  }
}

void IntegerEncoder::AddBlock(const std::string& bytes, bool compress, std::string* out) {
  if (bytes.size() > 1 &&
      std::all_of(bytes.begin(), bytes.end(), [&](char byte) { return byte == bytes.front(); })) {
    out->push_back(static_cast<char>(BlockKind::kEqual));
    out->push_back(bytes.front());
    return;
  }
  if (!compress || bytes.size() < kFrameLeast) {
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
