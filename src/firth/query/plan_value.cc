#include "firth/query/plan_value.h"

#include <arrow/util/decimal.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace firth::query {
namespace {

using arrow::Type;
using nlohmann::json;
using ScalarPtr = std::shared_ptr<arrow::Scalar>;

PlanValue Exactly(const ScalarPtr& value) {
  return {.least = value, .greatest = value};
}

template <typename C>
std::optional<C> Whole(const json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (!std::in_range<C>(number)) return std::nullopt;
    return static_cast<C>(number);
  }
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<int64_t>();
  if (!std::in_range<C>(number)) return std::nullopt;
  return static_cast<C>(number);
}

template <typename ArrowType>
std::optional<PlanValue> Number(const json& value, const std::shared_ptr<arrow::DataType>& type) {
  const auto number = Whole<typename ArrowType::c_type>(value);
  if (!number.has_value()) return std::nullopt;
  return Exactly(
      std::make_shared<typename arrow::TypeTraits<ArrowType>::ScalarType>(*number, type));
}

/// What DuckDB calls a timestamp of this type.
const char* NameOf(const arrow::TimestampType& type) {
  if (!type.timezone().empty()) return "TIMESTAMP WITH TIME ZONE";
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND:
      return "TIMESTAMP_S";
    case arrow::TimeUnit::MILLI:
      return "TIMESTAMP_MS";
    case arrow::TimeUnit::MICRO:
      return "TIMESTAMP";
    case arrow::TimeUnit::NANO:
      return "TIMESTAMP_NS";
  }
  return "";
}

/// With a time zone DuckDB has microseconds only.
std::optional<PlanValue> Time(int64_t time, const std::shared_ptr<arrow::DataType>& type) {
  const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
  const auto scalar = [&](int64_t value) {
    return std::make_shared<arrow::TimestampScalar>(value, type);
  };
  if (timestamp.timezone().empty() || timestamp.unit() == arrow::TimeUnit::MICRO) {
    return Exactly(scalar(time));
  }
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1000 - 2;
  if (time > kMost || time < -kMost) return std::nullopt;  // those that mean infinity among them
  if (timestamp.unit() == arrow::TimeUnit::NANO) {
    return PlanValue{
        .least = scalar((time - 1) * 1000), .greatest = scalar((time + 1) * 1000), .exact = false};
  }
  const int64_t unit = timestamp.unit() == arrow::TimeUnit::MILLI ? 1000 : 1'000'000;
  return PlanValue{
      .least = scalar(time / unit - 1), .greatest = scalar(time / unit + 1), .exact = false};
}

std::optional<PlanValue> Decimal(const json& constant, const json& value,
                                 const std::shared_ptr<arrow::DataType>& type) {
  const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
  const json info = constant.value("type", json::object()).value("type_info", json::object());
  if (info.value("width", -1) != decimal.precision() ||
      info.value("scale", -1) != decimal.scale()) {
    return std::nullopt;
  }
  const auto number = Whole<int64_t>(value);
  if (!number.has_value()) return std::nullopt;
  return Exactly(std::make_shared<arrow::Decimal128Scalar>(arrow::Decimal128(*number), type));
}

}  // namespace

std::optional<PlanValue> ValueOfPlan(const json& constant,
                                     const std::shared_ptr<arrow::DataType>& type) {
  if (!constant.is_object() || constant.value("is_null", true) || !constant.contains("value")) {
    return std::nullopt;
  }
  const std::string id = constant.value("type", json::object()).value("id", "");
  const json& value = constant["value"];
  const auto if_is = [&](const char* name, auto&& make) -> std::optional<PlanValue> {
    return id == name ? make() : std::nullopt;
  };
  switch (type->id()) {
    case Type::INT8:
      return if_is("TINYINT", [&] { return Number<arrow::Int8Type>(value, type); });
    case Type::INT16:
      return if_is("SMALLINT", [&] { return Number<arrow::Int16Type>(value, type); });
    case Type::INT32:
      return if_is("INTEGER", [&] { return Number<arrow::Int32Type>(value, type); });
    case Type::INT64:
      return if_is("BIGINT", [&] { return Number<arrow::Int64Type>(value, type); });
    case Type::UINT8:
      return if_is("UTINYINT", [&] { return Number<arrow::UInt8Type>(value, type); });
    case Type::UINT16:
      return if_is("USMALLINT", [&] { return Number<arrow::UInt16Type>(value, type); });
    case Type::UINT32:
      return if_is("UINTEGER", [&] { return Number<arrow::UInt32Type>(value, type); });
    case Type::UINT64:
      return if_is("UBIGINT", [&] { return Number<arrow::UInt64Type>(value, type); });
    case Type::DATE32:
      return if_is("DATE", [&] { return Number<arrow::Date32Type>(value, type); });
    case Type::DOUBLE:
      if (id != "DOUBLE" || !value.is_number() || !std::isfinite(value.get<double>())) {
        return std::nullopt;
      }
      return Exactly(std::make_shared<arrow::DoubleScalar>(value.get<double>()));
    case Type::STRING:
      if (id != "VARCHAR" || !value.is_string()) return std::nullopt;
      return Exactly(std::make_shared<arrow::StringScalar>(value.get<std::string>()));
    case Type::LARGE_STRING:
      if (id != "VARCHAR" || !value.is_string()) return std::nullopt;
      return Exactly(std::make_shared<arrow::LargeStringScalar>(value.get<std::string>()));
    case Type::TIMESTAMP: {
      const auto time = Whole<int64_t>(value);
      if (!time.has_value() || id != NameOf(static_cast<const arrow::TimestampType&>(*type))) {
        return std::nullopt;
      }
      return Time(*time, type);
    }
    case Type::DECIMAL128:
      return if_is("DECIMAL", [&] { return Decimal(constant, value, type); });
    default:
      return std::nullopt;
  }
}

}  // namespace firth::query
