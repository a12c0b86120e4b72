#include "firth/format/avro_decode.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_decimal.h>
#include <arrow/array/builder_nested.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/builder.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "firth/common/bytes.h"

namespace firth::format {
namespace {

using Kind = AvroNode::Kind;

/// Values that take no bytes could be as many as anybody says.
constexpr int64_t kEmptyValuesMax = 1 << 16;

Status Broken(const char* why) {
  return Error(Code::kInvalidArgument, Reason::kNone, std::string("the Avro data ") + why);
}

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  std::string_view rest() const { return rest_; }

  Status Read(const AvroNode& node, arrow::ArrayBuilder* out) {
    if (node.null_branch >= 0) {
      ARROW_ASSIGN_OR_RAISE(const int64_t branch, Long());
      if (branch != 0 && branch != 1) return Broken("has a branch of a union that is not there");
      if (branch == node.null_branch) return out->AppendNull();
    }
    switch (node.kind) {
      case Kind::kNull:
        return out->AppendNull();
      case Kind::kBoolean: {
        ARROW_ASSIGN_OR_RAISE(const std::string_view byte, Fixed(1));
        return static_cast<arrow::BooleanBuilder*>(out)->Append(byte[0] != 0);
      }
      case Kind::kInt:
        return Int(node, out);
      case Kind::kLong:
        return LongInto(node, out);
      case Kind::kFloat: {
        ARROW_ASSIGN_OR_RAISE(const std::string_view four, Fixed(4));
        return static_cast<arrow::FloatBuilder*>(out)->Append(
            std::bit_cast<float>(LoadLe<uint32_t>(four.data())));
      }
      case Kind::kDouble: {
        ARROW_ASSIGN_OR_RAISE(const std::string_view eight, Fixed(8));
        return static_cast<arrow::DoubleBuilder*>(out)->Append(
            std::bit_cast<double>(LoadLe<uint64_t>(eight.data())));
      }
      case Kind::kText: {
        ARROW_ASSIGN_OR_RAISE(const std::string_view text, Text());
        return static_cast<arrow::BinaryBuilder*>(out)->Append(text);
      }
      case Kind::kFixed: {
        ARROW_ASSIGN_OR_RAISE(const std::string_view text, Fixed(node.bytes));
        return static_cast<arrow::FixedSizeBinaryBuilder*>(out)->Append(text);
      }
      case Kind::kDecimal:
        return Decimal(node, static_cast<arrow::Decimal128Builder*>(out));
      case Kind::kEnum: {
        ARROW_ASSIGN_OR_RAISE(const int64_t at, Long());
        if (at < 0 || at >= static_cast<int64_t>(node.symbols.size())) {
          return Broken("has a symbol that its enum has not");
        }
        return static_cast<arrow::StringBuilder*>(out)->Append(
            node.symbols[static_cast<size_t>(at)]);
      }
      case Kind::kArray: {
        auto* list = static_cast<arrow::ListBuilder*>(out);
        ARROW_RETURN_NOT_OK(list->Append());
        return Items(node.children[0], 0,
                     [&] { return Read(node.children[0], list->value_builder()); });
      }
      case Kind::kMap: {
        auto* map = static_cast<arrow::MapBuilder*>(out);
        ARROW_RETURN_NOT_OK(map->Append());
        return Items(node.children[0], 1, [&]() -> Status {
          ARROW_ASSIGN_OR_RAISE(const std::string_view key, Text());
          ARROW_RETURN_NOT_OK(static_cast<arrow::StringBuilder*>(map->key_builder())->Append(key));
          return Read(node.children[0], map->item_builder());
        });
      }
      case Kind::kRecord: {
        auto* record = static_cast<arrow::StructBuilder*>(out);
        ARROW_RETURN_NOT_OK(record->Append());
        for (size_t i = 0; i < node.children.size(); ++i) {
          ARROW_RETURN_NOT_OK(Read(node.children[i], record->field_builder(static_cast<int>(i))));
        }
        return Status::OK();
      }
    }
    return Broken("has an unknown type");
  }

 private:
  Result<int64_t> Long() {
    int64_t value = 0;
    if (!TakeAvroLong(&rest_, &value)) return Broken("ends within a number");
    return value;
  }

  Result<std::string_view> Fixed(int64_t bytes) {
    if (bytes < 0 || static_cast<uint64_t>(bytes) > rest_.size()) {
      return Broken("ends within a value");
    }
    const std::string_view taken = rest_.substr(0, static_cast<size_t>(bytes));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  Result<std::string_view> Text() {
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, Long());
    return Fixed(bytes);
  }

  Status Int(const AvroNode& node, arrow::ArrayBuilder* out) {
    ARROW_ASSIGN_OR_RAISE(const int64_t value, Long());
    if (value < INT32_MIN || value > INT32_MAX) return Broken("has an int of more than 32 bits");
    const auto small = static_cast<int32_t>(value);
    switch (node.type->id()) {
      case arrow::Type::DATE32:
        return static_cast<arrow::Date32Builder*>(out)->Append(small);
      case arrow::Type::TIME32:
        return static_cast<arrow::Time32Builder*>(out)->Append(small);
      default:
        return static_cast<arrow::Int32Builder*>(out)->Append(small);
    }
  }

  Status LongInto(const AvroNode& node, arrow::ArrayBuilder* out) {
    ARROW_ASSIGN_OR_RAISE(const int64_t value, Long());
    switch (node.type->id()) {
      case arrow::Type::TIME64:
        return static_cast<arrow::Time64Builder*>(out)->Append(value);
      case arrow::Type::TIMESTAMP:
        return static_cast<arrow::TimestampBuilder*>(out)->Append(value);
      default:
        return static_cast<arrow::Int64Builder*>(out)->Append(value);
    }
  }

  Status Decimal(const AvroNode& node, arrow::Decimal128Builder* out) {
    ARROW_ASSIGN_OR_RAISE(const std::string_view digits,
                          node.bytes >= 0 ? Fixed(node.bytes) : Text());
    if (digits.empty()) return out->Append(arrow::Decimal128(0));
    ARROW_ASSIGN_OR_RAISE(const auto value,
                          arrow::Decimal128::FromBigEndian(
                              reinterpret_cast<const uint8_t*>(digits.data()),
                              static_cast<int32_t>(std::min<size_t>(digits.size(), 64))));
    const auto& type = static_cast<const arrow::Decimal128Type&>(*node.type);
    if (digits.size() > 64 || !value.FitsInPrecision(type.precision())) {
      return Broken("has a decimal with too many digits");
    }
    return out->Append(value);
  }

  /// Read blocks of items until an empty one.
  template <typename One>
  Status Items(const AvroNode& item, int64_t more_bytes, One&& one) {
    while (true) {
      ARROW_ASSIGN_OR_RAISE(int64_t count, Long());
      if (count == 0) return Status::OK();
      if (count < 0) {  // then the block's length in bytes is told, too
        if (count == INT64_MIN) return Broken("has too many items");
        count = -count;
        ARROW_RETURN_NOT_OK(Long().status());
      }
      const bool empty = item.bytes_min + more_bytes == 0;
      if (count > (empty ? kEmptyValuesMax - empty_values_ : static_cast<int64_t>(rest_.size()))) {
        return Broken("has too many items");
      }
      if (empty) empty_values_ += count;
      for (int64_t i = 0; i < count; ++i) ARROW_RETURN_NOT_OK(one());
    }
  }

  std::string_view rest_;
  int64_t empty_values_ = 0;
};

}  // namespace

bool TakeAvroLong(std::string_view* bytes, int64_t* value) {
  uint64_t bits = 0;
  for (size_t i = 0; i < bytes->size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>((*bytes)[i]);
    bits |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    bytes->remove_prefix(i + 1);
    *value = static_cast<int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
    return true;
  }
  return false;
}

Result<std::shared_ptr<arrow::RecordBatch>> DecodeAvro(
    const AvroNode& record, int64_t count, std::string_view bytes,
    const std::shared_ptr<arrow::Schema>& schema) {
  if (count < 0 || count > std::max<int64_t>(kEmptyValuesMax, static_cast<int64_t>(bytes.size()))) {
    return Broken("has more records than bytes");
  }
  ARROW_ASSIGN_OR_RAISE(const auto builder, arrow::MakeBuilder(record.type));
  Decoder decoder(bytes);
  for (int64_t i = 0; i < count; ++i) {
    ARROW_RETURN_NOT_OK(decoder.Read(record, builder.get()));
  }
  if (!decoder.rest().empty()) return Broken("has bytes behind the last record of a block");
  ARROW_ASSIGN_OR_RAISE(const auto rows, builder->Finish());
  return arrow::RecordBatch::Make(schema, count,
                                  static_cast<const arrow::StructArray&>(*rows).fields());
}

}  // namespace firth::format
