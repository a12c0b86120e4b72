#include <arrow/array/array_binary.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <arrow/compute/cast.h>

#include <algorithm>
#include <bit>

#include "firth/common/bytes.h"
#include "firth/common/text.h"
#include "firth/doors/beneath/avro_codec.h"
#include "firth/doors/beneath/big_number.h"
#include "firth/format/json_text.h"

namespace firth::doors::beneath {
namespace {

Status Bad(std::string message) {
  return Error(Code::kInvalidArgument, Reason::kBadValue, std::move(message));
}

void PutLong(int64_t value, std::string* out) {
  auto bits = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  while (bits > 0x7f) {
    out->push_back(static_cast<char>((bits & 0x7f) | 0x80));
    bits >>= 7;
  }
  out->push_back(static_cast<char>(bits));
}

void PutSized(std::string_view bytes, std::string* out) {
  PutLong(static_cast<int64_t>(bytes.size()), out);
  out->append(bytes);
}

template <typename Array>
const Array& As(const arrow::Array& array) {
  return static_cast<const Array&>(array);
}

Status EncodeValue(const Type& type, bool nullable, const arrow::Array& array, int64_t row,
                   std::string* out);

Status EncodeEnum(const Type& type, std::string_view symbol, std::string* out) {
  const auto found = std::find(type.symbols.begin(), type.symbols.end(), symbol);
  if (found == type.symbols.end()) {
    return Bad("'" + std::string(symbol.substr(0, 64)) + "' is not a symbol of enum " + type.name);
  }
  PutLong(found - type.symbols.begin(), out);
  return Status::OK();
}

Status EncodePresent(const Type& type, const arrow::Array& array, int64_t row, std::string* out) {
  switch (type.kind) {
    case Kind::kString:
    case Kind::kUuid:
      PutSized(As<arrow::StringArray>(array).GetView(row), out);
      return Status::OK();
    case Kind::kBytes:
      PutSized(As<arrow::BinaryArray>(array).GetView(row), out);
      return Status::OK();
    case Kind::kFixed: {
      const std::string_view bytes = array.type_id() == arrow::Type::BINARY
                                         ? As<arrow::BinaryArray>(array).GetView(row)
                                         : As<arrow::FixedSizeBinaryArray>(array).GetView(row);
      if (static_cast<int32_t>(bytes.size()) != type.size) {
        return Bad("a value has " + std::to_string(bytes.size()) + " bytes and not " +
                   std::to_string(type.size));
      }
      out->append(bytes);
      return Status::OK();
    }
    case Kind::kBoolean:
      out->push_back(As<arrow::BooleanArray>(array).Value(row) ? 1 : 0);
      return Status::OK();
    case Kind::kInt32:
      PutLong(As<arrow::Int32Array>(array).Value(row), out);
      return Status::OK();
    case Kind::kInt64:
      PutLong(As<arrow::Int64Array>(array).Value(row), out);
      return Status::OK();
    case Kind::kTimestamp:
      PutLong(As<arrow::TimestampArray>(array).Value(row), out);
      return Status::OK();
    case Kind::kFloat32:
      AppendLe(out, std::bit_cast<uint32_t>(As<arrow::FloatArray>(array).Value(row)));
      return Status::OK();
    case Kind::kFloat64:
      AppendLe(out, std::bit_cast<uint64_t>(As<arrow::DoubleArray>(array).Value(row)));
      return Status::OK();
    case Kind::kNumeric: {
      ARROW_ASSIGN_OR_RAISE(const std::string bytes,
                            NumberToBytes(As<arrow::StringArray>(array).GetView(row)));
      PutSized(bytes, out);
      return Status::OK();
    }
    case Kind::kEnum:
      return EncodeEnum(type, As<arrow::StringArray>(array).GetView(row), out);
    case Kind::kRecord: {
      const auto& record = As<arrow::StructArray>(array);
      for (size_t i = 0; i < type.fields.size(); ++i) {
        // The children of a slice are whole: they are addressed behind its start.
        ARROW_RETURN_NOT_OK(EncodeValue(*type.fields[i].type, type.fields[i].nullable,
                                        *record.field(static_cast<int>(i)), row, out));
      }
      return Status::OK();
    }
    case Kind::kArray: {
      const auto& list = As<arrow::ListArray>(array);
      const int64_t count = list.value_length(row);
      if (count > 0) {
        PutLong(count, out);
        for (int64_t i = 0; i < count; ++i) {
          ARROW_RETURN_NOT_OK(EncodeValue(*type.item, type.item_nullable, *list.values(),
                                          list.value_offset(row) + i, out));
        }
      }
      PutLong(0, out);
      return Status::OK();
    }
  }
  return Bad("an unknown type");
}

Status EncodeValue(const Type& type, bool nullable, const arrow::Array& array, int64_t row,
                   std::string* out) {
  if (array.IsNull(row)) {
    // There are results whose lists are never null; theirs have no items.
    if (!nullable && type.kind == Kind::kArray && type.null_is_empty) {
      PutLong(0, out);
      return Status::OK();
    }
    if (!nullable) return Bad("a required field is null");
    PutLong(0, out);
    return Status::OK();
  }
  if (nullable) PutLong(1, out);
  return EncodePresent(type, array, row, out);
}

}  // namespace

Result<arrow::ArrayVector> RecordEncoder::Columns(const arrow::RecordBatch& rows) const {
  arrow::ArrayVector columns;
  // Times count milliseconds here, whatever a query has calculated.
  auto options = arrow::compute::CastOptions::Safe();
  options.allow_time_truncate = true;
  for (size_t i = 0; i < columns_.size(); ++i) {
    auto column = rows.GetColumnByName(columns_[i]);
    if (column == nullptr) {
      return Error(Code::kInternal, Reason::kColumnNotFound,
                   "column '" + columns_[i] + "' is absent");
    }
    const auto wanted = ArrowType(*record_->fields[i].type);
    if (wanted->id() == arrow::Type::STRING && column->type()->num_fields() > 0) {
      ARROW_ASSIGN_OR_RAISE(column, format::ToJsonText(column));
      columns.push_back(std::move(column));
      continue;
    }
    // Nested types differ in names and nullability of their parts, not in layout.
    if (column->type_id() != wanted->id() ||
        (wanted->num_fields() > 0 && !column->type()->Equals(*wanted))) {
      ARROW_ASSIGN_OR_RAISE(const arrow::Datum cast, arrow::compute::Cast(column, wanted, options));
      column = cast.make_array();
    } else if (wanted->id() == arrow::Type::TIMESTAMP && !column->type()->Equals(*wanted)) {
      ARROW_ASSIGN_OR_RAISE(const arrow::Datum cast, arrow::compute::Cast(column, wanted, options));
      column = cast.make_array();
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

Status RecordEncoder::Encode(const arrow::ArrayVector& columns, int64_t row,
                             std::string* out) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    const Field& field = record_->fields[i];
    const Status encoded = EncodeValue(*field.type, field.nullable, *columns[i], row, out);
    if (!encoded.ok()) {
      return Bad("field '" + field.name + "' cannot be shown: " + MessageOf(encoded));
    }
  }
  return Status::OK();
}

}  // namespace firth::doors::beneath
