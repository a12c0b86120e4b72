// LEB128 numbers in compact rows, for loops that know their bounds.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace firth::schema {

template <std::unsigned_integral Int>
constexpr size_t VarintBytes(Int value) {
  return (static_cast<size_t>(std::bit_width(static_cast<Int>(value | 1))) + 6) / 7;
}

/// Returns the place after what was written.
template <std::unsigned_integral Int>
char* WriteVarint(char* at, Int value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value = static_cast<Int>(value >> 7);
  }
  *at++ = static_cast<char>(value);
  return at;
}

/// Read a number from hostile bytes; null where the bytes end first or do not fit the type.
template <std::unsigned_integral Int>
const char* ReadVarint(const char* at, const char* end, Int* value) {
  constexpr int kBits = sizeof(Int) * 8;
  Int sum = 0;
  for (int shift = 0; shift < kBits; shift += 7) {
    if (at == end) return nullptr;
    const auto byte = static_cast<uint8_t>(*at++);
    const auto bits = static_cast<Int>(byte & 0x7f);
    if (shift + 7 > kBits && (bits >> (kBits - shift)) != 0) return nullptr;
    sum = static_cast<Int>(sum | static_cast<Int>(bits << shift));
    if ((byte & 0x80) == 0) {
      *value = sum;
      return at;
    }
  }
  return nullptr;
}

}  // namespace firth::schema
