// Sums and products of numbers as they lie in compact rows.
#include <arrow/util/decimal.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/keyview/aggregate_function.h"
#include "firth/schema/row_number.h"
#include "firth/schema/types.h"

namespace firth::keyview {
namespace {

using arrow::Decimal256;

/// Integers are added and multiplied as unsigned 64-bit numbers and cut to their width, which
/// wraps.
struct Sum {
  static constexpr std::string_view kName = "sum";
  template <typename C>
  static C Of(C a, C b) {
    if constexpr (std::is_floating_point_v<C>) {
      return a + b;
    } else {
      return static_cast<C>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    }
  }
  /// Two numbers of 76 digits have a sum that 256 bits hold.
  static Decimal256 OfDecimals(const Decimal256& a, const Decimal256& b, int32_t) {
    return Decimal256(a + b);
  }
};

struct Product {
  static constexpr std::string_view kName = "product";
  template <typename C>
  static C Of(C a, C b) {
    if constexpr (std::is_floating_point_v<C>) {
      return a * b;
    } else {
      return static_cast<C>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    }
  }
  /// Rounded half away from zero to the column's scale.
  static Decimal256 OfDecimals(const Decimal256& a, const Decimal256& b, int32_t scale) {
    Decimal256 exact(a);
    exact *= b;
    return Decimal256(exact.ReduceScaleBy(scale, /*round=*/true));
  }
};

/// The product of two numbers of so many digits fits into 256 bits.
constexpr int32_t kProductDigitsMax = 38;

template <typename Number>
typename Number::Value ReadNumber(const Number& number, std::string_view slice) {
  using Wire = typename Number::Wire;
  ByteReader reader(AsBytes(slice));
  Wire wire{};
  if constexpr (Number::kVarint) {
    wire = static_cast<Wire>(reader.Varint(sizeof(Wire) * 8));
  } else {
    wire = reader.Le<Wire>();
  }
  typename Number::Value value{};
  FIRTH_CHECK(reader.ok() && reader.remaining() == 0 && number.FromWire(wire, &value));
  return value;
}

template <typename Number>
void AppendNumber(const Number& number, typename Number::Value value, std::string* out) {
  if constexpr (Number::kVarint) {
    AppendVarint(out, number.ToWire(value));
  } else {
    AppendLe(out, number.ToWire(value));
  }
}

template <typename Op>
class NumberFold final : public Fold {
 public:
  explicit NumberFold(std::shared_ptr<arrow::DataType> type) : type_(std::move(type)) {}

 protected:
  Result<Cell> Combine(std::string_view old, std::string_view row,
                       std::string* scratch) const override {
    schema::VisitNumber(*type_, [&](const auto number) {
      using C = typename std::decay_t<decltype(number)>::Value;
      if constexpr (std::is_arithmetic_v<C>) {
        const C value = Op::template Of<C>(ReadNumber(number, old), ReadNumber(number, row));
        AppendNumber(number, value, scratch);
      } else {
        FIRTH_CHECK(false);  // decimals are folded below
      }
    });
    return Cell{*scratch};
  }

 private:
  const std::shared_ptr<arrow::DataType> type_;
};

template <typename Op>
class DecimalFold final : public Fold {
 public:
  explicit DecimalFold(const arrow::Field& field)
      : name_(field.name().substr(0, 64)),
        type_(schema::StorageTypePtr(field.type())),
        precision_(static_cast<const arrow::DecimalType&>(*type_).precision()),
        scale_(static_cast<const arrow::DecimalType&>(*type_).scale()),
        nullable_(field.nullable()) {}

 protected:
  Result<Cell> Combine(std::string_view old, std::string_view row,
                       std::string* scratch) const override {
    const Decimal256 value = Op::OfDecimals(Read(old), Read(row), scale_);
    if (!value.FitsInPrecision(precision_)) {
      if (nullable_) return Cell{.null = true};
      return Error(Code::kOutOfRange, Reason::kBadValue,
                   "the " + std::string(Op::kName) + " in the column '" + name_ +
                       "' has more digits than its type " + type_->ToString());
    }
    Append(value, scratch);
    return Cell{*scratch};
  }

 private:
  bool IsSmall() const { return precision_ <= schema::kSmallDecimalDigits; }

  /// The codec has checked the bytes.
  Decimal256 Read(std::string_view slice) const {
    ByteReader reader(AsBytes(slice));
    const uint64_t head = reader.Varint(IsSmall() ? 64 : 32);
    FIRTH_CHECK(reader.ok());
    if (IsSmall()) return Decimal256(static_cast<int64_t>(head));
    const Bytes bytes = reader.rest();
    const auto value = Decimal256::FromBigEndian(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                 static_cast<int32_t>(bytes.size()));
    FIRTH_CHECK(value.ok());
    return *value;
  }

  void Append(const Decimal256& value, std::string* out) const {
    auto bytes = value.ToBytes();
    if (IsSmall()) {
      AppendVarint(out, LoadLe<uint64_t>(bytes.data()));
      return;
    }
    // The shortest big-endian two's complement: without leading bytes that only repeat the sign.
    std::reverse(bytes.begin(), bytes.end());
    size_t begin = 0;
    while (begin + 1 < bytes.size() &&
           bytes[begin] == ((bytes[begin + 1] & 0x80) != 0 ? 0xff : 0x00)) {
      ++begin;
    }
    AppendVarint(out, bytes.size() - begin);
    out->append(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.end());
  }

  const std::string name_;
  const std::shared_ptr<arrow::DataType> type_;
  const int32_t precision_;
  const int32_t scale_;
  const bool nullable_;
};

template <typename Op>
Result<AggregateFunctionPtr> MakeFold(const arrow::Field& field) {
  const auto type = schema::StorageTypePtr(field.type());
  if (arrow::is_integer(type->id()) || type->id() == arrow::Type::FLOAT ||
      type->id() == arrow::Type::DOUBLE) {
    return std::make_unique<NumberFold<Op>>(type);
  }
  if (!arrow::is_decimal(type->id())) return DoesNotFit(Op::kName, field);
  const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
  if (std::is_same_v<Op, Product> &&
      (decimal.precision() > kProductDigitsMax || decimal.scale() < 0)) {
    return DoesNotFit(Op::kName, field);
  }
  return std::make_unique<DecimalFold<Op>>(field);
}

}  // namespace

Result<AggregateFunctionPtr> MakeSum(const arrow::Field& field) {
  return MakeFold<Sum>(field);
}

Result<AggregateFunctionPtr> MakeProduct(const arrow::Field& field) {
  return MakeFold<Product>(field);
}

}  // namespace firth::keyview
