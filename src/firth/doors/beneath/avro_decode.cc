#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_nested.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/builder.h>

#include <bit>
#include <optional>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/common/text.h"
#include "firth/doors/beneath/avro_codec.h"
#include "firth/doors/beneath/big_number.h"

namespace firth::doors::beneath {
namespace {

// Beyond these a timestamp does not fit nanoseconds in 64 bits.
constexpr int64_t kTimestampMsMax = 9'223'372'036'853;
// What the fixed parts of one request's rows may take in memory.
constexpr int64_t kFixedBytesMax = int64_t{256} << 20;

Status Bad(std::string message) {
  return Error(Code::kInvalidArgument, Reason::kBadValue, std::move(message));
}

/// Reads Avro's primitives, never beyond its input.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  size_t left() const { return bytes_.size(); }

  Result<std::string_view> Take(size_t count) {
    if (count > bytes_.size()) return Bad("the record ends too early");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  Result<int64_t> Long() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      ARROW_ASSIGN_OR_RAISE(const std::string_view byte, Take(1));
      const auto bits = static_cast<uint8_t>(byte[0]);
      if (shift == 63 && bits > 1) break;
      value |= uint64_t{static_cast<uint8_t>(bits & 0x7f)} << shift;
      if ((bits & 0x80) == 0) return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
    }
    return Bad("a number has more than 64 bits");
  }

  Result<std::string_view> Sized() {
    ARROW_ASSIGN_OR_RAISE(const int64_t size, Long());
    if (size < 0) return Bad("a length is negative");
    return Take(static_cast<size_t>(size));
  }

 private:
  std::string_view bytes_;
};

Status DecodeValue(const Type& type, bool nullable, Reader* in, arrow::ArrayBuilder* out);

template <typename Builder>
Builder* As(arrow::ArrayBuilder* builder) {
  return static_cast<Builder*>(builder);
}

Status DecodeRecord(const Type& type, Reader* in, arrow::StructBuilder* out) {
  ARROW_RETURN_NOT_OK(out->Append());
  for (size_t i = 0; i < type.fields.size(); ++i) {
    ARROW_RETURN_NOT_OK(DecodeValue(*type.fields[i].type, type.fields[i].nullable, in,
                                    out->field_builder(static_cast<int>(i))));
  }
  return Status::OK();
}

Status DecodeArray(const Type& type, Reader* in, arrow::ListBuilder* out) {
  ARROW_RETURN_NOT_OK(out->Append());
  while (true) {
    ARROW_ASSIGN_OR_RAISE(int64_t count, in->Long());
    if (count == 0) return Status::OK();
    std::optional<int64_t> size;
    if (count < 0) {  // a block that also says its size
      ARROW_ASSIGN_OR_RAISE(size, in->Long());
      if (count == INT64_MIN) return Bad("an array has too many items");
      count = -count;
    }
    // Every item takes a byte or more, so a count that lies ends with the input.
    if (count > static_cast<int64_t>(in->left())) return Bad("an array has more items than bytes");
    const auto before = static_cast<int64_t>(in->left());
    for (int64_t i = 0; i < count; ++i) {
      ARROW_RETURN_NOT_OK(DecodeValue(*type.item, type.item_nullable, in, out->value_builder()));
    }
    const int64_t taken = before - static_cast<int64_t>(in->left());
    if (size.value_or(taken) != taken) {
      return Bad("a block of an array has another size than it says");
    }
  }
}

Result<std::string> UuidOf(std::string_view text) {
  constexpr std::string_view kUrn = "urn:uuid:";
  if (text.starts_with(kUrn)) text.remove_prefix(kUrn.size());
  const auto bytes = UuidFromText(text);
  if (!bytes.ok()) return Bad("a UUID is not well formed");
  return UuidToText(*bytes);
}

Status DecodePresent(const Type& type, Reader* in, arrow::ArrayBuilder* out) {
  switch (type.kind) {
    case Kind::kString: {
      ARROW_ASSIGN_OR_RAISE(const std::string_view text, in->Sized());
      if (!IsUtf8(text)) return Bad("a string is not UTF-8");
      return As<arrow::StringBuilder>(out)->Append(text);
    }
    case Kind::kBytes: {
      ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, in->Sized());
      return As<arrow::BinaryBuilder>(out)->Append(bytes);
    }
    case Kind::kFixed: {
      ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, in->Take(static_cast<size_t>(type.size)));
      if (out->type()->id() == arrow::Type::BINARY)
        return As<arrow::BinaryBuilder>(out)->Append(bytes);
      return As<arrow::FixedSizeBinaryBuilder>(out)->Append(bytes);
    }
    case Kind::kBoolean: {
      ARROW_ASSIGN_OR_RAISE(const std::string_view byte, in->Take(1));
      if (byte[0] != 0 && byte[0] != 1) return Bad("a boolean is neither 0 nor 1");
      return As<arrow::BooleanBuilder>(out)->Append(byte[0] == 1);
    }
    case Kind::kInt32: {
      ARROW_ASSIGN_OR_RAISE(const int64_t value, in->Long());
      if (value < INT32_MIN || value > INT32_MAX) return Bad("an integer has more than 32 bits");
      return As<arrow::Int32Builder>(out)->Append(static_cast<int32_t>(value));
    }
    case Kind::kInt64: {
      ARROW_ASSIGN_OR_RAISE(const int64_t value, in->Long());
      return As<arrow::Int64Builder>(out)->Append(value);
    }
    case Kind::kFloat32: {
      ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, in->Take(4));
      return As<arrow::FloatBuilder>(out)->Append(
          std::bit_cast<float>(LoadLe<uint32_t>(bytes.data())));
    }
    case Kind::kFloat64: {
      ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, in->Take(8));
      return As<arrow::DoubleBuilder>(out)->Append(
          std::bit_cast<double>(LoadLe<uint64_t>(bytes.data())));
    }
    case Kind::kNumeric: {
      ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, in->Sized());
      ARROW_ASSIGN_OR_RAISE(const std::string text, NumberFromBytes(bytes));
      return As<arrow::StringBuilder>(out)->Append(text);
    }
    case Kind::kTimestamp: {
      ARROW_ASSIGN_OR_RAISE(const int64_t ms, in->Long());
      if (ms < -kTimestampMsMax || ms > kTimestampMsMax) return Bad("a timestamp is out of range");
      return As<arrow::TimestampBuilder>(out)->Append(ms);
    }
    case Kind::kUuid: {
      ARROW_ASSIGN_OR_RAISE(const std::string_view text, in->Sized());
      ARROW_ASSIGN_OR_RAISE(const std::string uuid, UuidOf(text));
      return As<arrow::StringBuilder>(out)->Append(uuid);
    }
    case Kind::kEnum: {
      ARROW_ASSIGN_OR_RAISE(const int64_t index, in->Long());
      if (index < 0 || index >= static_cast<int64_t>(type.symbols.size())) {
        return Bad("an enum has no such symbol");
      }
      return As<arrow::StringBuilder>(out)->Append(type.symbols[static_cast<size_t>(index)]);
    }
    case Kind::kRecord:
      return DecodeRecord(type, in, As<arrow::StructBuilder>(out));
    case Kind::kArray:
      return DecodeArray(type, in, As<arrow::ListBuilder>(out));
  }
  return Bad("an unknown type");
}

Status DecodeValue(const Type& type, bool nullable, Reader* in, arrow::ArrayBuilder* out) {
  if (nullable) {
    ARROW_ASSIGN_OR_RAISE(const int64_t branch, in->Long());
    if (branch == 0) return out->AppendNull();
    if (branch != 1) return Bad("a union has no such branch");
  }
  return DecodePresent(type, in, out);
}

/// What a row takes at least, in nulls of fixed-size types.
int64_t FixedBytesOf(const Type& type) {
  if (type.kind == Kind::kFixed && type.size <= 256) return type.size;
  int64_t bytes = 8;
  for (const Field& field : type.fields) bytes += FixedBytesOf(*field.type);
  return bytes;
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> DecodeRecords(const Type& record,
                                                          const std::vector<TimedRecord>& records) {
  const auto count = static_cast<int64_t>(records.size());
  if (count * FixedBytesOf(record) > kFixedBytesMax) {
    return Error(Code::kInvalidArgument, Reason::kBatchTooLarge,
                 "these are too many records of so many fields at once: send fewer");
  }
  const auto schema = ArrowSchema(record);
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  for (const auto& field : schema->fields()) {
    ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilder(field->type()));
    ARROW_RETURN_NOT_OK(builder->Reserve(count));
    builders.push_back(std::move(builder));
  }
  for (size_t row = 0; row < records.size(); ++row) {
    Reader in(records[row].avro);
    for (size_t i = 0; i < record.fields.size(); ++i) {
      const Field& field = record.fields[i];
      const Status decoded = DecodeValue(*field.type, field.nullable, &in, builders[i].get());
      if (!decoded.ok()) {
        return Bad("record " + std::to_string(row) + ", field '" + field.name +
                   "': " + MessageOf(decoded));
      }
    }
    if (in.left() > 0) {
      return Bad("record " + std::to_string(row) + " has " + std::to_string(in.left()) +
                 " bytes more than its schema says");
    }
    ARROW_RETURN_NOT_OK(
        As<arrow::TimestampBuilder>(builders.back().get())->Append(records[row].time_ms));
  }
  arrow::ArrayVector columns(builders.size());
  for (size_t i = 0; i < builders.size(); ++i)
    ARROW_RETURN_NOT_OK(builders[i]->Finish(&columns[i]));
  return arrow::RecordBatch::Make(schema, count, std::move(columns));
}

}  // namespace firth::doors::beneath
