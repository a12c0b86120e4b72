#include "firth/timeview/bit_packing.h"

#include <algorithm>
#include <cstring>

#include "firth/common/status.h"

namespace firth::timeview {

void PackBits(std::span<const uint64_t> numbers, int width, std::string* out) {
  FIRTH_CHECK(width > 0 && width <= kPackedBitsMax);
  const uint64_t mask = (uint64_t{1} << width) - 1;
  const size_t begin = out->size();
  out->resize(begin + PackedBytes(numbers.size(), width) + sizeof(uint64_t));
  char* at = out->data() + begin;
  uint64_t held = 0;
  int bits = 0;
  for (const uint64_t number : numbers) {
    held |= (number & mask) << bits;
    bits += width;
    StoreLe(at, held);
    const int whole = bits / 8;
    at += whole;
    held = whole == 8 ? 0 : held >> (8 * whole);
    bits -= 8 * whole;
  }
  out->resize(begin + PackedBytes(numbers.size(), width));
}

namespace {

/// Read numbers, `kTogether` of them from each word, as far as whole words can be read. Gives how
/// many.
template <size_t kTogether>
size_t UnpackTogether(Bytes packed, size_t bits, size_t safe, std::span<uint64_t> numbers) {
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  const size_t end = std::min(safe, numbers.size());
  size_t i = 0;
  for (; i + kTogether <= end; i += kTogether) {
    const size_t at = i * bits;
    const uint64_t word = LoadLe<uint64_t>(packed.data() + at / 8) >> (at % 8);
    for (size_t k = 0; k < kTogether; ++k) numbers[i + k] = (word >> (k * bits)) & mask;
  }
  return i;
}

}  // namespace

void UnpackBits(Bytes packed, int width, std::span<uint64_t> numbers) {
  FIRTH_CHECK(width > 0 && width <= kPackedBitsMax &&
              PackedBytes(numbers.size(), width) <= packed.size());
  const uint64_t mask = (uint64_t{1} << width) - 1;
  const auto bits = static_cast<size_t>(width);
  const size_t safe =
      packed.size() < sizeof(uint64_t) ? 0 : (packed.size() - sizeof(uint64_t)) * 8 / bits;
  size_t i = 0;
  if (width * 8 <= kPackedBitsMax) {
    i = UnpackTogether<8>(packed, bits, safe, numbers);
  } else if (width * 4 <= kPackedBitsMax) {
    i = UnpackTogether<4>(packed, bits, safe, numbers);
  }
  for (; i < std::min(safe, numbers.size()); ++i) {
    const size_t at = i * bits;
    numbers[i] = (LoadLe<uint64_t>(packed.data() + at / 8) >> (at % 8)) & mask;
  }
  for (; i < numbers.size(); ++i) {
    const size_t at = i * bits;
    uint64_t word = 0;
    const size_t rest = std::min(sizeof word, packed.size() - at / 8);
    std::memcpy(&word, packed.data() + at / 8, rest);
    numbers[i] = (word >> (at % 8)) & mask;
  }
}

}  // namespace firth::timeview
