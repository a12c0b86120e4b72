// Numbers of so many bits each, one behind another from the lowest bit on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "firth/common/bytes.h"

namespace firth::timeview {

/// Widths that can be packed: 1 to 56 bits, which one load of 64 bits brings at any bit of a byte.
inline constexpr int kPackedBitsMax = 56;

constexpr size_t PackedBytes(size_t numbers, int width) {
  return (numbers * static_cast<size_t>(width) + 7) / 8;
}

/// Append numbers of at most `width` bits to `out`, in PackedBytes.
void PackBits(std::span<const uint64_t> numbers, int width, std::string* out);

/// Read numbers back. `packed` begins with them and may go on behind them: with eight bytes more
/// none of them is read with care.
void UnpackBits(Bytes packed, int width, std::span<uint64_t> numbers);

}  // namespace firth::timeview
