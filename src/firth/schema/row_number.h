// Numbers as they stand in a compact row: for every Arrow type whose value is one number there, the
// unsigned pattern that is written, and how it turns into Arrow's value and back.
//
// A codec has: Value (of the Arrow array), Wire (uint8_t … uint64_t, also the width of an array's
// slot, unless it has a Slot), kVarint (LEB128 in a row, else little-endian), ToWire, Fits (may
// this value be written) and FromWire (false for a pattern that is no valid value).
#pragma once

#include <arrow/type.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "firth/common/status.h"

namespace firth::schema {

inline constexpr int kSmallDecimalDigits = 18;
inline constexpr int64_t kMsPerDay = 86'400'000;

/// a / b rounded down, for b > 0.
constexpr int64_t FloorDivide(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

inline int64_t UnitsPerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1'000'000;
    case arrow::TimeUnit::NANO:
      return 1'000'000'000;
  }
  return 0;
}

template <typename C, typename W, bool kVar>
struct PlainNumber {
  using Value = C;
  using Wire = W;
  static constexpr bool kVarint = kVar;
  static constexpr bool kTotal = true;  // Fits and FromWire never fail
  W ToWire(C value) const { return std::bit_cast<W>(value); }
  bool Fits(C) const { return true; }
  bool FromWire(W wire, C* value) const {
    *value = std::bit_cast<C>(wire);
    return true;
  }
};

/// date64: milliseconds that are whole days.
struct DayMsNumber {
  using Value = int64_t;
  using Wire = uint64_t;
  static constexpr bool kVarint = true;
  static constexpr bool kTotal = false;
  uint64_t ToWire(int64_t value) const { return static_cast<uint64_t>(value); }
  bool Fits(int64_t value) const { return value % kMsPerDay == 0; }
  bool FromWire(uint64_t wire, int64_t* value) const {
    *value = static_cast<int64_t>(wire);
    return Fits(*value);
  }
};

/// A time of day in seconds or milliseconds: milliseconds on the wire.
struct TimeOfDayNumber {
  using Value = int32_t;
  using Wire = uint32_t;
  static constexpr bool kVarint = true;
  static constexpr bool kTotal = false;
  int64_t per_day;  // of the column's unit
  uint32_t ToWire(int32_t value) const {
    return static_cast<uint32_t>(value * (kMsPerDay / per_day));
  }
  bool Fits(int32_t value) const { return value >= 0 && value < per_day; }
  bool FromWire(uint32_t wire, int32_t* value) const {
    const int64_t ms = wire;
    *value = static_cast<int32_t>(ms / (kMsPerDay / per_day));
    return ms < kMsPerDay;
  }
};

/// A time of day in microseconds or nanoseconds: whole milliseconds as such, which is all that
/// Fluss's clients know; any other as its number of units above all milliseconds of a day. A slot
/// of an array holds whole milliseconds only.
struct FineTimeOfDayNumber {
  using Value = int64_t;
  using Wire = uint64_t;
  using Slot = uint32_t;
  static constexpr bool kVarint = true;
  static constexpr bool kTotal = false;
  int64_t per_day;  // of the column's unit

  int64_t per_ms() const { return per_day / kMsPerDay; }
  uint64_t ToWire(int64_t value) const {
    return static_cast<uint64_t>(value % per_ms() == 0 ? value / per_ms() : kMsPerDay + value);
  }
  bool Fits(int64_t value) const { return value >= 0 && value < per_day; }
  bool FitsSlot(int64_t value) const { return Fits(value) && value % per_ms() == 0; }
  bool FromWire(uint64_t wire, int64_t* value) const {
    if (wire < static_cast<uint64_t>(kMsPerDay)) {
      *value = static_cast<int64_t>(wire) * per_ms();
      return true;
    }
    *value = static_cast<int64_t>(wire - static_cast<uint64_t>(kMsPerDay));
    return Fits(*value) && *value % per_ms() != 0;  // each value has one spelling
  }
};

namespace internal {
template <typename Number>
struct SlotOf {
  using Type = typename Number::Wire;
};
template <typename Number>
  requires requires { typename Number::Slot; }
struct SlotOf<Number> {
  using Type = typename Number::Slot;
};
}  // namespace internal

/// The pattern of a number in an array's slot.
template <typename Number>
using SlotOf = typename internal::SlotOf<Number>::Type;

/// May a value be written into an array's slot?
template <typename Number>
bool FitsSlot(const Number& number, const typename Number::Value& value) {
  if constexpr (requires { number.FitsSlot(value); }) {
    return number.FitsSlot(value);
  } else {
    return number.Fits(value);
  }
}

/// A timestamp in seconds: milliseconds on the wire.
struct SecondsNumber {
  using Value = int64_t;
  using Wire = uint64_t;
  static constexpr bool kVarint = true;
  static constexpr bool kTotal = false;
  uint64_t ToWire(int64_t value) const { return static_cast<uint64_t>(value) * 1000; }
  bool Fits(int64_t value) const { return value >= INT64_MIN / 1000 && value <= INT64_MAX / 1000; }
  bool FromWire(uint64_t wire, int64_t* value) const {
    *value = FloorDivide(static_cast<int64_t>(wire), 1000);
    return Fits(*value);
  }
};

/// A decimal of at most 18 digits, in any width of Arrow's: its unscaled value.
template <size_t kBytes>
struct SmallDecimalNumber {
  using Value = std::array<uint8_t, kBytes>;
  using Wire = uint64_t;
  static constexpr bool kVarint = true;
  static constexpr bool kTotal = false;
  int64_t bound;  // ten to the precision

  uint64_t ToWire(const Value& value) const {
    if constexpr (kBytes == 4) {
      return static_cast<uint64_t>(static_cast<int64_t>(std::bit_cast<int32_t>(value)));
    } else {
      uint64_t low;
      std::memcpy(&low, value.data(), sizeof low);
      return low;
    }
  }
  bool Fits(const Value& value) const {
    const auto low = static_cast<int64_t>(ToWire(value));
    if constexpr (kBytes > 8) {
      for (size_t i = 8; i < kBytes; ++i) {
        if (value[i] != (low < 0 ? 0xff : 0)) return false;
      }
    }
    return low > -bound && low < bound;
  }
  bool FromWire(uint64_t wire, Value* value) const {
    const auto low = static_cast<int64_t>(wire);
    if (low <= -bound || low >= bound) return false;
    value->fill(low < 0 ? 0xff : 0);
    std::memcpy(value->data(), &wire, std::min<size_t>(kBytes, sizeof wire));
    return true;
  }
};

/// A timestamp in microseconds or nanoseconds: milliseconds, and the nanoseconds within.
struct FineTimestamp {
  int64_t per_ms;  // of the column's unit: 1'000 or 1'000'000

  static FineTimestamp Of(const arrow::DataType& type) {
    return {UnitsPerSecond(static_cast<const arrow::TimestampType&>(type).unit()) / 1000};
  }

  void Split(int64_t value, int64_t* ms, uint32_t* nanos) const {
    *ms = FloorDivide(value, per_ms);
    const auto rest = static_cast<int64_t>(
        static_cast<uint64_t>(value) - static_cast<uint64_t>(*ms) * static_cast<uint64_t>(per_ms));
    *nanos = static_cast<uint32_t>(rest * (1'000'000 / per_ms));
  }
  /// False where the time is out of the column's range.
  bool Join(int64_t ms, uint32_t nanos, int64_t* value) const {
    const __int128 exact =
        static_cast<__int128>(ms) * per_ms + nanos / static_cast<uint32_t>(1'000'000 / per_ms);
    *value = static_cast<int64_t>(exact);
    return nanos < 1'000'000 && exact == *value;
  }
};

inline int64_t PowerOfTen(int32_t exponent) {
  int64_t power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

/// Call `visit` with the codec of `type`, whose kind is a number (RowNode::kNumber).
template <typename Visit>
auto VisitNumber(const arrow::DataType& type, Visit&& visit) {
  using arrow::Type;
  const auto small_decimal_bound = [&] {
    return PowerOfTen(static_cast<const arrow::DecimalType&>(type).precision());
  };
  const auto per_day = [&] {
    return 86'400 * UnitsPerSecond(static_cast<const arrow::TimeType&>(type).unit());
  };
  switch (type.id()) {
    case Type::INT8:
      return visit(PlainNumber<int8_t, uint8_t, false>{});
    case Type::UINT8:
      return visit(PlainNumber<uint8_t, uint8_t, false>{});
    case Type::INT16:
      return visit(PlainNumber<int16_t, uint16_t, false>{});
    case Type::UINT16:
      return visit(PlainNumber<uint16_t, uint16_t, false>{});
    case Type::INT32:
    case Type::DATE32:
      return visit(PlainNumber<int32_t, uint32_t, true>{});
    case Type::UINT32:
      return visit(PlainNumber<uint32_t, uint32_t, true>{});
    case Type::INT64:
    case Type::DURATION:
      return visit(PlainNumber<int64_t, uint64_t, true>{});
    case Type::UINT64:
      return visit(PlainNumber<uint64_t, uint64_t, true>{});
    case Type::FLOAT:
      return visit(PlainNumber<float, uint32_t, false>{});
    case Type::DOUBLE:
      return visit(PlainNumber<double, uint64_t, false>{});
    case Type::DATE64:
      return visit(DayMsNumber{});
    case Type::TIME32:
      return visit(TimeOfDayNumber{per_day()});
    case Type::TIME64:
      return visit(FineTimeOfDayNumber{per_day()});
    case Type::TIMESTAMP:
      if (static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::SECOND) {
        return visit(SecondsNumber{});
      }
      return visit(PlainNumber<int64_t, uint64_t, true>{});
    case Type::DECIMAL32:
      return visit(SmallDecimalNumber<4>{small_decimal_bound()});
    case Type::DECIMAL64:
      return visit(SmallDecimalNumber<8>{small_decimal_bound()});
    case Type::DECIMAL128:
      return visit(SmallDecimalNumber<16>{small_decimal_bound()});
    case Type::DECIMAL256:
      return visit(SmallDecimalNumber<32>{small_decimal_bound()});
    default:
      break;
  }
  FIRTH_CHECK(false);
  return visit(PlainNumber<int8_t, uint8_t, false>{});
}

}  // namespace firth::schema
