#include "firth/table/column_statistics.h"

#include <arrow/array.h>
#include <arrow/compute/api_aggregate.h>
#include <arrow/scalar.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace firth::table {
namespace {

using arrow::Type;
using nlohmann::json;

constexpr size_t kTextBytesMax = 256;

/// A value as JSON, whose own order is then the column's; nothing where it cannot be compared so.
std::optional<json> ToValue(const arrow::Scalar& scalar) {
  if (!scalar.is_valid) return std::nullopt;
  const auto text = [](const arrow::Scalar& value) -> std::optional<json> {
    const auto& buffer = static_cast<const arrow::BaseBinaryScalar&>(value).value;
    if (static_cast<size_t>(buffer->size()) > kTextBytesMax) return std::nullopt;
    return json(buffer->ToString());
  };
  const auto real = [](double value) -> std::optional<json> {
    if (!std::isfinite(value)) return std::nullopt;
    return json(value);
  };
  switch (scalar.type->id()) {
    case Type::BOOL:
      return json(static_cast<const arrow::BooleanScalar&>(scalar).value);
    case Type::INT8:
      return json(static_cast<const arrow::Int8Scalar&>(scalar).value);
    case Type::INT16:
      return json(static_cast<const arrow::Int16Scalar&>(scalar).value);
    case Type::INT32:
      return json(static_cast<const arrow::Int32Scalar&>(scalar).value);
    case Type::INT64:
      return json(static_cast<const arrow::Int64Scalar&>(scalar).value);
    case Type::UINT8:
      return json(static_cast<const arrow::UInt8Scalar&>(scalar).value);
    case Type::UINT16:
      return json(static_cast<const arrow::UInt16Scalar&>(scalar).value);
    case Type::UINT32:
      return json(static_cast<const arrow::UInt32Scalar&>(scalar).value);
    case Type::UINT64:
      return json(static_cast<const arrow::UInt64Scalar&>(scalar).value);
    case Type::FLOAT:
      return real(static_cast<const arrow::FloatScalar&>(scalar).value);
    case Type::DOUBLE:
      return real(static_cast<const arrow::DoubleScalar&>(scalar).value);
    case Type::DATE32:
      return json(static_cast<const arrow::Date32Scalar&>(scalar).value);
    case Type::DATE64:
      return json(static_cast<const arrow::Date64Scalar&>(scalar).value);
    case Type::TIMESTAMP:
      return json(static_cast<const arrow::TimestampScalar&>(scalar).value);
    case Type::STRING:
    case Type::LARGE_STRING:
      return text(scalar);
    default:
      return std::nullopt;
  }
}

bool HasOrder(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::DATE32:
    case Type::DATE64:
    case Type::TIMESTAMP:
    case Type::BOOL:
    case Type::STRING:
    case Type::LARGE_STRING:
      return true;
    default:
      return arrow::is_integer(type.id()) || type.id() == Type::FLOAT || type.id() == Type::DOUBLE;
  }
}

/// Least and greatest of floats skip NaN, which a filter may still be asked for.
bool HasNan(const arrow::Array& column) {
  const auto any = [](const auto& values) {
    for (int64_t i = 0; i < values.length(); ++i) {
      if (values.IsValid(i) && std::isnan(values.Value(i))) return true;
    }
    return false;
  };
  if (column.type_id() == Type::DOUBLE) return any(static_cast<const arrow::DoubleArray&>(column));
  if (column.type_id() == Type::FLOAT) return any(static_cast<const arrow::FloatArray&>(column));
  return false;
}

}  // namespace

struct ColumnStatistics::Column {
  int64_t nulls = 0;
  bool ordered = true;  // least and greatest are known
  std::optional<json> least;
  std::optional<json> greatest;
};

ColumnStatistics::ColumnStatistics() = default;
ColumnStatistics::~ColumnStatistics() = default;

Status ColumnStatistics::Add(const arrow::RecordBatch& rows) {
  for (int i = 0; i < rows.num_columns(); ++i) {
    const arrow::Array& values = *rows.column(i);
    Column& column = columns_[rows.column_name(i)];
    column.nulls += values.null_count();
    column.ordered = column.ordered && HasOrder(*values.type()) && !HasNan(values);
    if (!column.ordered || values.null_count() == values.length()) continue;
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum found, arrow::compute::MinMax(rows.column(i)));
    const auto& pair = found.scalar_as<arrow::StructScalar>();
    auto least = ToValue(*pair.value[0]);
    auto greatest = ToValue(*pair.value[1]);
    column.ordered = least.has_value() && greatest.has_value();
    if (!column.ordered) continue;
    if (!column.least.has_value() || *least < *column.least) column.least = std::move(least);
    if (!column.greatest.has_value() || *column.greatest < *greatest) {
      column.greatest = std::move(greatest);
    }
  }
  return Status::OK();
}

void ColumnStatistics::AddSummary(const std::string& name, const arrow::DataType& type,
                                  int64_t rows, int64_t nulls, const arrow::Scalar* least,
                                  const arrow::Scalar* greatest) {
  Column& column = columns_[name];
  column.nulls += nulls;
  if (rows == nulls) return;
  auto low = least == nullptr ? std::nullopt : ToValue(*least);
  auto high = greatest == nullptr ? std::nullopt : ToValue(*greatest);
  column.ordered = column.ordered && HasOrder(type) && low.has_value() && high.has_value();
  if (!column.ordered) return;
  if (!column.least.has_value() || *low < *column.least) column.least = std::move(low);
  if (!column.greatest.has_value() || *column.greatest < *high) column.greatest = std::move(high);
}

std::string ColumnStatistics::ToJson() const {
  json all = json::object();
  for (const auto& [name, column] : columns_) {
    json& one = all[name];
    one["n"] = column.nulls;
    if (!column.ordered || !column.least.has_value()) continue;
    one["min"] = *column.least;
    one["max"] = *column.greatest;
  }
  return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace firth::table
