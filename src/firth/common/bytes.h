// Loads and stores of integers in a stated byte order, and a reader that cannot run off its input.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace firth {

using Bytes = std::span<const std::byte>;

inline Bytes AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace internal {
template <std::integral Int>
constexpr Int Swap(Int value) {
  using U = std::make_unsigned_t<Int>;
  if constexpr (sizeof(Int) == 1) return value;
  if constexpr (sizeof(Int) == 2) return static_cast<Int>(__builtin_bswap16(static_cast<U>(value)));
  if constexpr (sizeof(Int) == 4) return static_cast<Int>(__builtin_bswap32(static_cast<U>(value)));
  if constexpr (sizeof(Int) == 8) return static_cast<Int>(__builtin_bswap64(static_cast<U>(value)));
}
}  // namespace internal

/// Read an integer at `p`, which holds at least sizeof(Int) bytes; no alignment needed.
template <std::integral Int>
Int LoadLe(const void* p) {
  static_assert(std::endian::native == std::endian::little);
  Int value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template <std::integral Int>
Int LoadBe(const void* p) {
  return internal::Swap(LoadLe<Int>(p));
}
template <std::integral Int>
void StoreLe(void* p, Int value) {
  std::memcpy(p, &value, sizeof value);
}
template <std::integral Int>
void StoreBe(void* p, Int value) {
  StoreLe(p, internal::Swap(value));
}
template <std::integral Int>
void AppendLe(std::string* out, Int value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <std::integral Int>
void AppendBe(std::string* out, Int value) {
  AppendLe(out, internal::Swap(value));
}

/// Take integers and runs from the front of hostile bytes. A read past the end gives zero (or an
/// empty run) and makes ok() false for good; check it once, after a group of reads.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  template <std::integral Int>
  Int Le() {
    if (!Has(sizeof(Int))) return 0;
    const Int value = LoadLe<Int>(rest_.data());
    rest_ = rest_.subspan(sizeof(Int));
    return value;
  }
  template <std::integral Int>
  Int Be() {
    return internal::Swap(Le<Int>());
  }
  /// The next `count` bytes, a view into the input.
  Bytes Take(size_t count) {
    if (!Has(count)) return {};
    const Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  /// An unsigned LEB128 number of at most `max_bits` bits.
  uint64_t Varint(int max_bits = 64) {
    uint64_t value = 0;
    for (int shift = 0; shift < max_bits; shift += 7) {
      const auto byte = Le<uint8_t>();
      if (!ok_) return 0;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  bool ok() const { return ok_; }
  size_t remaining() const { return rest_.size(); }
  Bytes rest() const { return rest_; }

 private:
  bool Has(size_t count) {
    if (ok_ && rest_.size() >= count) return true;
    ok_ = false;
    rest_ = {};
    return false;
  }

  Bytes rest_;
  bool ok_ = true;
};

inline void AppendVarint(std::string* out, uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

}  // namespace firth
