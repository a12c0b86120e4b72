#include "firth/doors/fluss/partition_value.h"

#include <arrow/util/decimal.h>

#include <algorithm>
#include <string>
#include <utility>

#include "firth/common/text.h"

namespace firth::doors::fluss {
namespace {

using ScalarPtr = std::shared_ptr<arrow::Scalar>;
using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr size_t kFractionDigits = 9;
constexpr size_t kTimeBytes = 8;       // HH-mm-ss
constexpr size_t kDateTimeBytes = 19;  // yyyy-MM-dd-HH-mm-ss

/// `_` and a fraction become `.` and the fraction padded to nanoseconds; no digits are none.
Result<std::string> Fraction(std::string_view text) {
  if (text.empty()) return std::string();
  if (text[0] != '_' || text.size() > kFractionDigits + 1) return Status::Invalid("no fraction");
  std::string digits(text.substr(1));
  digits.resize(kFractionDigits, '0');
  return "." + digits;
}

/// HH-mm-ss and a fraction, as nanoseconds of a day.
Result<int64_t> NanosOfDay(std::string_view text) {
  if (text.size() < kTimeBytes) return Status::Invalid("too short");
  std::string time(text.substr(0, kTimeBytes));
  std::ranges::replace(time, '-', ':');
  ARROW_ASSIGN_OR_RAISE(const std::string fraction, Fraction(text.substr(kTimeBytes)));
  ARROW_ASSIGN_OR_RAISE(
      const ScalarPtr scalar,
      arrow::Scalar::Parse(arrow::time64(arrow::TimeUnit::NANO), time + fraction));
  return static_cast<const arrow::Time64Scalar&>(*scalar).value;
}

Result<ScalarPtr> ParseTime(const TypePtr& type, std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(const int64_t nanos, NanosOfDay(text));
  const ScalarPtr exact =
      std::make_shared<arrow::Time64Scalar>(nanos, arrow::time64(arrow::TimeUnit::NANO));
  return exact->CastTo(type);
}

Result<ScalarPtr> ParseTimestamp(const TypePtr& type, std::string_view text) {
  if (text.size() < kDateTimeBytes) return Status::Invalid("too short");
  std::string stamp(text.substr(0, kDateTimeBytes));
  stamp[10] = ' ';
  stamp[13] = stamp[16] = ':';
  ARROW_ASSIGN_OR_RAISE(const std::string fraction, Fraction(text.substr(kDateTimeBytes)));
  const auto unit = static_cast<const arrow::TimestampType&>(*type).unit();
  // Fraction digits beyond the unit are zeros that were added above.
  const size_t digits = static_cast<size_t>(unit) * 3;
  const std::string shown = digits == 0 || fraction.empty() ? "" : fraction.substr(0, digits + 1);
  ARROW_ASSIGN_OR_RAISE(const ScalarPtr plain,
                        arrow::Scalar::Parse(arrow::timestamp(unit), stamp + shown));
  return std::make_shared<arrow::TimestampScalar>(
      static_cast<const arrow::TimestampScalar&>(*plain).value, type);
}

Result<ScalarPtr> Parse(const TypePtr& type, std::string_view text) {
  switch (type->id()) {
    case arrow::Type::STRING:
      return std::make_shared<arrow::StringScalar>(std::string(text));
    case arrow::Type::BINARY: {
      ARROW_ASSIGN_OR_RAISE(std::string bytes, FromHex(text));
      return std::make_shared<arrow::BinaryScalar>(arrow::Buffer::FromString(std::move(bytes)));
    }
    case arrow::Type::FIXED_SIZE_BINARY: {
      ARROW_ASSIGN_OR_RAISE(std::string bytes, FromHex(text));
      if (static_cast<int64_t>(bytes.size()) !=
          static_cast<const arrow::FixedSizeBinaryType&>(*type).byte_width()) {
        return Status::Invalid("of another length");
      }
      return std::make_shared<arrow::FixedSizeBinaryScalar>(
          arrow::Buffer::FromString(std::move(bytes)), type);
    }
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE: {
      std::string number(text);
      std::ranges::replace(number, '_', '.');
      return arrow::Scalar::Parse(type, number);
    }
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::Decimal128Type&>(*type);
      arrow::Decimal128 value;
      int32_t precision = 0;
      int32_t scale = 0;
      ARROW_RETURN_NOT_OK(arrow::Decimal128::FromString(text, &value, &precision, &scale));
      ARROW_ASSIGN_OR_RAISE(value, value.Rescale(scale, decimal.scale()));
      return std::make_shared<arrow::Decimal128Scalar>(value, type);
    }
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return ParseTime(type, text);
    case arrow::Type::TIMESTAMP:
      return ParseTimestamp(type, text);
    default:
      return arrow::Scalar::Parse(type, text);
  }
}

}  // namespace

Result<ScalarPtr> ParsePartitionValue(const TypePtr& type, std::string_view text) {
  Result<ScalarPtr> value = Parse(type, text);
  if (value.ok()) return value;
  return Error(Code::kInvalidArgument, Reason::kInvalidPartition,
               "'" + std::string(text.substr(0, 64)) + "' is not the text of a " +
                   type->ToString() + " as partitions are named: " + MessageOf(value.status()));
}

}  // namespace firth::doors::fluss
