#include "firth/format/text_values.h"

#include <arrow/array.h>
#include <arrow/extension_type.h>
#include <arrow/util/base64.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "firth/common/status.h"

namespace firth::format {
namespace {

using arrow::Type;

template <typename Number>
void AppendNumber(Number value, std::string* out) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out->append(buffer, end);
}

template <typename Float>
void AppendFloat(Float value, bool quote, std::string* out) {
  if (std::isfinite(value)) return AppendNumber(value, out);
  if (quote) out->push_back('"');
  out->append(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  if (quote) out->push_back('"');
}

int DigitsOf(arrow::TimeUnit::type unit) {
  return 3 * static_cast<int>(unit);
}

int64_t PerSecond(arrow::TimeUnit::type unit) {
  int64_t per_second = 1;
  for (int i = 0; i < DigitsOf(unit); ++i) per_second *= 10;
  return per_second;
}

void AppendPadded(int64_t value, int width, std::string* out) {
  char buffer[20];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  for (auto length = end - buffer; length < width; ++length) out->push_back('0');
  out->append(buffer, end);
}

/// `yyyy-mm-dd`; false where the year does not have four digits.
bool AppendDate(int64_t days, std::string* out) {
  constexpr int64_t kFirst = -719'528;  // 0000-01-01
  constexpr int64_t kLast = 2'932'896;  // 9999-12-31
  if (days < kFirst || days > kLast) return false;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  AppendPadded(static_cast<int>(date.year()), 4, out);
  out->push_back('-');
  AppendPadded(static_cast<unsigned>(date.month()), 2, out);
  out->push_back('-');
  AppendPadded(static_cast<unsigned>(date.day()), 2, out);
  return true;
}

/// `hh:mm:ss` and all digits of the unit.
void AppendTime(int64_t value, arrow::TimeUnit::type unit, std::string* out) {
  const int64_t per_second = PerSecond(unit);
  const int64_t seconds = value / per_second;
  AppendPadded(seconds / 3600, 2, out);
  out->push_back(':');
  AppendPadded(seconds / 60 % 60, 2, out);
  out->push_back(':');
  AppendPadded(seconds % 60, 2, out);
  if (per_second > 1) {
    out->push_back('.');
    AppendPadded(value % per_second, DigitsOf(unit), out);
  }
}

int64_t FloorDivide(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

bool AppendTimestamp(int64_t value, const arrow::TimestampType& type, std::string* out) {
  const int64_t per_day = 86'400 * PerSecond(type.unit());
  const int64_t days = FloorDivide(value, per_day);
  if (!AppendDate(days, out)) return false;
  out->push_back('T');
  AppendTime(value - days * per_day, type.unit(), out);
  if (!type.timezone().empty()) out->push_back('Z');
  return true;
}

/// Dates and times; what cannot be spelt out is the number that the type stores.
void AppendTemporal(const arrow::Array& array, int64_t index, bool quote, std::string* out) {
  const size_t before = out->size();
  if (quote) out->push_back('"');
  bool spelt = false;
  int64_t value = 0;
  switch (array.type_id()) {
    case Type::DATE32:
      value = static_cast<const arrow::Date32Array&>(array).Value(index);
      spelt = AppendDate(value, out);
      break;
    case Type::DATE64:
      value = static_cast<const arrow::Date64Array&>(array).Value(index);
      spelt = value % 86'400'000 == 0 && AppendDate(value / 86'400'000, out);
      break;
    case Type::TIME32:
    case Type::TIME64: {
      value = array.type_id() == Type::TIME32
                  ? static_cast<const arrow::Time32Array&>(array).Value(index)
                  : static_cast<const arrow::Time64Array&>(array).Value(index);
      const auto unit = static_cast<const arrow::TimeType&>(*array.type()).unit();
      spelt = value >= 0 && value < 86'400 * PerSecond(unit);
      if (spelt) AppendTime(value, unit, out);
      break;
    }
    default:
      value = static_cast<const arrow::TimestampArray&>(array).Value(index);
      spelt = AppendTimestamp(value, static_cast<const arrow::TimestampType&>(*array.type()), out);
  }
  if (spelt) {
    if (quote) out->push_back('"');
    return;
  }
  out->resize(before);
  AppendNumber(value, out);
}

void AppendList(const arrow::Array& items, int64_t begin, int64_t end, std::string* out) {
  out->push_back('[');
  for (int64_t i = begin; i < end; ++i) {
    if (i > begin) out->push_back(',');
    AppendJsonValue(items, i, out);
  }
  out->push_back(']');
}

void AppendMap(const arrow::MapArray& map, int64_t index, std::string* out) {
  const arrow::Array& keys = *map.keys();
  const arrow::Array& items = *map.items();
  const int64_t begin = map.value_offset(index);
  const int64_t end = map.value_offset(index + 1);
  const bool as_object = keys.type_id() == Type::STRING || keys.type_id() == Type::LARGE_STRING;
  out->push_back(as_object ? '{' : '[');
  for (int64_t i = begin; i < end; ++i) {
    if (i > begin) out->push_back(',');
    if (!as_object) out->append("{\"key\":");
    AppendJsonValue(keys, i, out);
    out->append(as_object ? ":" : ",\"value\":");
    AppendJsonValue(items, i, out);
    if (!as_object) out->push_back('}');
  }
  out->push_back(as_object ? '}' : ']');
}

void AppendStruct(const arrow::StructArray& rows, int64_t index, std::string* out) {
  out->push_back('{');
  for (int i = 0; i < rows.num_fields(); ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonString(rows.type()->field(i)->name(), out);
    out->push_back(':');
    AppendJsonValue(*rows.field(i), index, out);
  }
  out->push_back('}');
}

/// `quote`: text and what is spelt like it goes into quotes, as in JSON.
void AppendValue(const arrow::Array& array, int64_t index, bool quote, std::string* out) {
  const auto text = [&](std::string_view value) {
    quote ? AppendJsonString(value, out) : static_cast<void>(out->append(value));
  };
  const auto bytes = [&](std::string_view value) {
    if (quote) out->push_back('"');
    out->append(arrow::util::base64_encode(value));
    if (quote) out->push_back('"');
  };
  switch (array.type_id()) {
    case Type::BOOL:
      out->append(static_cast<const arrow::BooleanArray&>(array).Value(index) ? "true" : "false");
      break;
    case Type::INT8:
      return AppendNumber(static_cast<const arrow::Int8Array&>(array).Value(index), out);
    case Type::INT16:
      return AppendNumber(static_cast<const arrow::Int16Array&>(array).Value(index), out);
    case Type::INT32:
      return AppendNumber(static_cast<const arrow::Int32Array&>(array).Value(index), out);
    case Type::INT64:
      return AppendNumber(static_cast<const arrow::Int64Array&>(array).Value(index), out);
    case Type::UINT8:
      return AppendNumber(static_cast<const arrow::UInt8Array&>(array).Value(index), out);
    case Type::UINT16:
      return AppendNumber(static_cast<const arrow::UInt16Array&>(array).Value(index), out);
    case Type::UINT32:
      return AppendNumber(static_cast<const arrow::UInt32Array&>(array).Value(index), out);
    case Type::UINT64:
      return AppendNumber(static_cast<const arrow::UInt64Array&>(array).Value(index), out);
    case Type::DURATION:
      return AppendNumber(static_cast<const arrow::DurationArray&>(array).Value(index), out);
    case Type::FLOAT:
      return AppendFloat(static_cast<const arrow::FloatArray&>(array).Value(index), quote, out);
    case Type::DOUBLE:
      return AppendFloat(static_cast<const arrow::DoubleArray&>(array).Value(index), quote, out);
    case Type::STRING:
      return text(static_cast<const arrow::StringArray&>(array).GetView(index));
    case Type::LARGE_STRING:
      return text(static_cast<const arrow::LargeStringArray&>(array).GetView(index));
    case Type::BINARY:
      return bytes(static_cast<const arrow::BinaryArray&>(array).GetView(index));
    case Type::LARGE_BINARY:
      return bytes(static_cast<const arrow::LargeBinaryArray&>(array).GetView(index));
    case Type::FIXED_SIZE_BINARY:
      return bytes(static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(index));
    case Type::DECIMAL32:
      return text(static_cast<const arrow::Decimal32Array&>(array).FormatValue(index));
    case Type::DECIMAL64:
      return text(static_cast<const arrow::Decimal64Array&>(array).FormatValue(index));
    case Type::DECIMAL128:
      return text(static_cast<const arrow::Decimal128Array&>(array).FormatValue(index));
    case Type::DECIMAL256:
      return text(static_cast<const arrow::Decimal256Array&>(array).FormatValue(index));
    case Type::DATE32:
    case Type::DATE64:
    case Type::TIME32:
    case Type::TIME64:
    case Type::TIMESTAMP:
      return AppendTemporal(array, index, quote, out);
    case Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(array);
      return AppendList(*list.values(), list.value_offset(index), list.value_offset(index + 1),
                        out);
    }
    case Type::LARGE_LIST: {
      const auto& list = static_cast<const arrow::LargeListArray&>(array);
      return AppendList(*list.values(), list.value_offset(index), list.value_offset(index + 1),
                        out);
    }
    case Type::FIXED_SIZE_LIST: {
      const auto& list = static_cast<const arrow::FixedSizeListArray&>(array);
      return AppendList(*list.values(), list.value_offset(index),
                        list.value_offset(index) + list.value_length(index), out);
    }
    case Type::MAP:
      return AppendMap(static_cast<const arrow::MapArray&>(array), index, out);
    case Type::STRUCT:
      return AppendStruct(static_cast<const arrow::StructArray&>(array), index, out);
    case Type::EXTENSION:
      return AppendValue(*static_cast<const arrow::ExtensionArray&>(array).storage(), index, quote,
                         out);
    default:
      FIRTH_CHECK(false && "a type that tables hold");
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  size_t copied = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out->append(text, copied, i - copied);
    copied = i + 1;
    out->push_back('\\');
    switch (c) {
      case '"':
      case '\\':
        out->push_back(static_cast<char>(c));
        break;
      case '\n':
        out->push_back('n');
        break;
      case '\r':
        out->push_back('r');
        break;
      case '\t':
        out->push_back('t');
        break;
      default:
        out->append("u00");
        out->push_back(kHex[c >> 4]);
        out->push_back(kHex[c & 15]);
    }
  }
  out->append(text, copied, text.size() - copied);
  out->push_back('"');
}

void AppendJsonValue(const arrow::Array& array, int64_t index, std::string* out) {
  if (array.IsNull(index)) {
    out->append("null");
  } else {
    AppendValue(array, index, /*quote=*/true, out);
  }
}

void AppendPlainValue(const arrow::Array& array, int64_t index, std::string* out) {
  AppendValue(array, index, /*quote=*/false, out);
}

}  // namespace firth::format
