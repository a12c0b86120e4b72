#include "firth/timeview/bit_packing.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "firth/common/status.h"

namespace firth::timeview {

namespace {

/// Numbers that begin at the same bit of a byte: so many of any width are whole bytes.
constexpr size_t kRound = 8;

/// Write whole rounds of numbers of at most so many bits; as below.
template <int kWidth>
void PackRounds(const uint64_t* from, size_t rounds, char* to) {
  constexpr size_t kBits = 64;
  for (; rounds > 0; --rounds, from += kRound, to += kWidth) {
    uint64_t words[kRound * kWidth / kBits + 2] = {};
    [&]<size_t... kAt>(std::index_sequence<kAt...>) {
      ((words[kAt * kWidth / kBits] |= from[kAt] << (kAt * kWidth % kBits)), ...);
      ((kAt * kWidth % kBits + kWidth > kBits
            ? words[kAt * kWidth / kBits + 1] |= from[kAt] >> (kBits - kAt * kWidth % kBits) % kBits
            : 0),
       ...);
    }(std::make_index_sequence<kRound>());
    std::memcpy(to, words, kWidth);
  }
}

using Packer = void (*)(const uint64_t*, size_t, char*);

/// By width; none of width 0.
constexpr std::array<Packer, kPackedBitsMax + 1> kPackers =
    []<size_t... kWidth>(std::index_sequence<kWidth...>) {
      return std::array<Packer, kPackedBitsMax + 1>{nullptr,
                                                    &PackRounds<static_cast<int>(kWidth) + 1>...};
    }(std::make_index_sequence<kPackedBitsMax>());

/// Read whole rounds; each number's place in its round is known when this is compiled.
template <int kWidth>
void UnpackRounds(const std::byte* from, size_t rounds, uint64_t* to) {
  constexpr uint64_t kMask = (uint64_t{1} << kWidth) - 1;
  for (; rounds > 0; --rounds, from += kWidth, to += kRound) {
    [&]<size_t... kAt>(std::index_sequence<kAt...>) {
      ((to[kAt] = (LoadLe<uint64_t>(from + kAt * kWidth / 8) >> (kAt * kWidth % 8)) & kMask), ...);
    }(std::make_index_sequence<kRound>());
  }
}

using Unpacker = void (*)(const std::byte*, size_t, uint64_t*);

/// By width; none of width 0.
constexpr std::array<Unpacker, kPackedBitsMax + 1> kUnpackers =
    []<size_t... kWidth>(std::index_sequence<kWidth...>) {
      return std::array<Unpacker, kPackedBitsMax + 1>{
          nullptr, &UnpackRounds<static_cast<int>(kWidth) + 1>...};
    }(std::make_index_sequence<kPackedBitsMax>());

}  // namespace

void PackBits(std::span<const uint64_t> numbers, int width, std::string* out) {
  FIRTH_CHECK(width > 0 && width <= kPackedBitsMax);
  const size_t begin = out->size();
  out->resize(begin + PackedBytes(numbers.size(), width));
  const size_t rounds = numbers.size() / kRound;
  const Packer pack = kPackers[static_cast<size_t>(width)];
  char* const at = out->data() + begin;
  pack(numbers.data(), rounds, at);
  const auto rest = numbers.subspan(rounds * kRound);
  if (rest.empty()) return;
  uint64_t last[kRound] = {};
  std::copy(rest.begin(), rest.end(), last);
  char bytes[kPackedBitsMax];
  pack(last, 1, bytes);
  std::memcpy(at + rounds * static_cast<size_t>(width), bytes, PackedBytes(rest.size(), width));
}

void UnpackBits(Bytes packed, int width, std::span<uint64_t> numbers) {
  FIRTH_CHECK(width > 0 && width <= kPackedBitsMax &&
              PackedBytes(numbers.size(), width) <= packed.size());
  const uint64_t mask = (uint64_t{1} << width) - 1;
  const auto bits = static_cast<size_t>(width);
  // Of so many a whole word can be read.
  const size_t safe =
      packed.size() < sizeof(uint64_t) ? 0 : (packed.size() - sizeof(uint64_t)) * 8 / bits;
  const size_t rounds = std::min(safe, numbers.size()) / kRound;
  kUnpackers[bits](packed.data(), rounds, numbers.data());
  size_t i = rounds * kRound;
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
