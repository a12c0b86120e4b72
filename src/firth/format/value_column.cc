#include "firth/format/value_column.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_decimal.h>
#include <arrow/array/builder_nested.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/builder_time.h>
#include <arrow/builder.h>
#include <arrow/extension_type.h>
#include <arrow/util/base64.h>
#include <arrow/util/decimal.h>
#include <arrow/util/value_parsing.h>

#include <algorithm>
#include <utility>

#include "firth/common/text.h"
#include "firth/format/json_value.h"

namespace firth::format {

using arrow::Type;

struct ValueColumn::Parser {
  simdjson::ondemand::parser parser;
};

namespace {

enum class Kind { kText, kBytes, kScalar, kList, kMap, kStruct };

}  // namespace

/// One level of the type, next to Arrow's builder of it.
struct ValueColumn::Node {
  Kind kind = Kind::kScalar;
  std::string path;
  const arrow::DataType* type = nullptr;
  arrow::ArrayBuilder* builder = nullptr;
  std::vector<Node> children;                       // of a map: key, item
  std::unordered_map<std::string, size_t> by_name;  // of a struct

  static Result<Node> Make(const std::string& path, const arrow::DataType& type,
                           arrow::ArrayBuilder* builder);
  Status Bad(std::string_view text) const;
  Status BadKind(const char* found) const;
  Status Text(std::string_view text);
  Status Json(simdjson::ondemand::value& value);

 private:
  Status Number(simdjson::ondemand::value& value);
  Status List(simdjson::ondemand::value& value);
  Status Struct(simdjson::ondemand::value& value);
  Status MapObject(simdjson::ondemand::value& value);
  Status MapArray(simdjson::ondemand::value& value);
  Status Entry(simdjson::ondemand::value& value);
};

namespace {

template <typename ArrowType>
bool AppendParsed(const arrow::DataType& type, arrow::ArrayBuilder* builder, std::string_view text,
                  Status* status) {
  typename ArrowType::c_type value{};
  const auto& typed = static_cast<const ArrowType&>(type);
  if (!arrow::internal::ParseValue(typed, text.data(), text.size(), &value)) {
    // The number that the type stores, for what is otherwise spelt out.
    if constexpr (arrow::is_temporal_type<ArrowType>::value) {
      const auto whole = ParseInt64(text);
      if (!whole.ok() || !std::in_range<typename ArrowType::c_type>(*whole)) return false;
      value = static_cast<typename ArrowType::c_type>(*whole);
    } else {
      return false;
    }
  }
  *status =
      static_cast<typename arrow::TypeTraits<ArrowType>::BuilderType*>(builder)->Append(value);
  return true;
}

template <typename ArrowType, typename Decimal>
bool AppendDecimal(const arrow::DataType& type, arrow::ArrayBuilder* builder, std::string_view text,
                   Status* status) {
  const auto& typed = static_cast<const ArrowType&>(type);
  Decimal value;
  int32_t precision = 0;
  int32_t scale = 0;
  if (text.size() > 256 || !Decimal::FromString(text, &value, &precision, &scale).ok()) {
    return false;
  }
  if (scale != typed.scale()) {
    // No digit may be lost; more than the type's own range of scales cannot fit anyway.
    if (std::abs(scale) > 1000) return false;
    const auto rescaled = value.Rescale(scale, typed.scale());
    if (!rescaled.ok()) return false;
    value = *rescaled;
  }
  if (!value.FitsInPrecision(typed.precision())) return false;
  *status =
      static_cast<typename arrow::TypeTraits<ArrowType>::BuilderType*>(builder)->Append(value);
  return true;
}

/// Append the scalar that `text` spells; false where it spells none of this type.
bool AppendScalar(const arrow::DataType& type, arrow::ArrayBuilder* builder, std::string_view text,
                  Status* status) {
  switch (type.id()) {
    case Type::BOOL: {
      bool value = false;
      if (!arrow::internal::ParseValue<arrow::BooleanType>(text.data(), text.size(), &value)) {
        return false;
      }
      *status = static_cast<arrow::BooleanBuilder*>(builder)->Append(value);
      return true;
    }
    case Type::INT8:
      return AppendParsed<arrow::Int8Type>(type, builder, text, status);
    case Type::INT16:
      return AppendParsed<arrow::Int16Type>(type, builder, text, status);
    case Type::INT32:
      return AppendParsed<arrow::Int32Type>(type, builder, text, status);
    case Type::INT64:
      return AppendParsed<arrow::Int64Type>(type, builder, text, status);
    case Type::UINT8:
      return AppendParsed<arrow::UInt8Type>(type, builder, text, status);
    case Type::UINT16:
      return AppendParsed<arrow::UInt16Type>(type, builder, text, status);
    case Type::UINT32:
      return AppendParsed<arrow::UInt32Type>(type, builder, text, status);
    case Type::UINT64:
      return AppendParsed<arrow::UInt64Type>(type, builder, text, status);
    case Type::FLOAT:
      return AppendParsed<arrow::FloatType>(type, builder, text, status);
    case Type::DOUBLE:
      return AppendParsed<arrow::DoubleType>(type, builder, text, status);
    case Type::DATE32:
      return AppendParsed<arrow::Date32Type>(type, builder, text, status);
    case Type::DATE64:
      return AppendParsed<arrow::Date64Type>(type, builder, text, status);
    case Type::TIME32:
      return AppendParsed<arrow::Time32Type>(type, builder, text, status);
    case Type::TIME64:
      return AppendParsed<arrow::Time64Type>(type, builder, text, status);
    case Type::TIMESTAMP:
      return AppendParsed<arrow::TimestampType>(type, builder, text, status);
    case Type::DURATION:
      return AppendParsed<arrow::DurationType>(type, builder, text, status);
    case Type::DECIMAL32:
      return AppendDecimal<arrow::Decimal32Type, arrow::Decimal32>(type, builder, text, status);
    case Type::DECIMAL64:
      return AppendDecimal<arrow::Decimal64Type, arrow::Decimal64>(type, builder, text, status);
    case Type::DECIMAL128:
      return AppendDecimal<arrow::Decimal128Type, arrow::Decimal128>(type, builder, text, status);
    case Type::DECIMAL256:
      return AppendDecimal<arrow::Decimal256Type, arrow::Decimal256>(type, builder, text, status);
    default:
      return false;  // a null type has no values
  }
}

/// Append a string to a text or bytes column.
Status AppendBytes(const arrow::DataType& type, arrow::ArrayBuilder* builder,
                   std::string_view bytes) {
  switch (type.id()) {
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return static_cast<arrow::LargeBinaryBuilder*>(builder)->Append(bytes);
    case Type::FIXED_SIZE_BINARY:
      return static_cast<arrow::FixedSizeBinaryBuilder*>(builder)->Append(bytes);
    default:
      return static_cast<arrow::BinaryBuilder*>(builder)->Append(bytes);
  }
}

}  // namespace

Result<ValueColumn::Node> ValueColumn::Node::Make(const std::string& path,
                                                  const arrow::DataType& type,
                                                  arrow::ArrayBuilder* builder) {
  Node node;
  node.path = path;
  node.type = &type;
  node.builder = builder;
  const auto add = [&](const arrow::Field& field, arrow::ArrayBuilder* child) -> Status {
    ARROW_ASSIGN_OR_RAISE(Node made, Make(path + "." + field.name(), *field.type(), child));
    node.children.push_back(std::move(made));
    return Status::OK();
  };
  switch (type.id()) {
    case Type::STRING:
    case Type::LARGE_STRING:
      node.kind = Kind::kText;
      break;
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::FIXED_SIZE_BINARY:
      node.kind = Kind::kBytes;
      break;
    case Type::LIST:
      node.kind = Kind::kList;
      ARROW_RETURN_NOT_OK(
          add(*type.field(0), static_cast<arrow::ListBuilder*>(builder)->value_builder()));
      break;
    case Type::LARGE_LIST:
      node.kind = Kind::kList;
      ARROW_RETURN_NOT_OK(
          add(*type.field(0), static_cast<arrow::LargeListBuilder*>(builder)->value_builder()));
      break;
    case Type::FIXED_SIZE_LIST:
      node.kind = Kind::kList;
      ARROW_RETURN_NOT_OK(
          add(*type.field(0), static_cast<arrow::FixedSizeListBuilder*>(builder)->value_builder()));
      break;
    case Type::MAP: {
      node.kind = Kind::kMap;
      auto* map = static_cast<arrow::MapBuilder*>(builder);
      const auto& map_type = static_cast<const arrow::MapType&>(type);
      ARROW_RETURN_NOT_OK(add(*map_type.key_field(), map->key_builder()));
      ARROW_RETURN_NOT_OK(add(*map_type.item_field(), map->item_builder()));
      break;
    }
    case Type::STRUCT: {
      node.kind = Kind::kStruct;
      auto* rows = static_cast<arrow::StructBuilder*>(builder);
      for (int i = 0; i < type.num_fields(); ++i) {
        ARROW_RETURN_NOT_OK(add(*type.field(i), rows->field_builder(i)));
        node.by_name.emplace(type.field(i)->name(), static_cast<size_t>(i));
      }
      break;
    }
    default:
      if (!arrow::is_primitive(type.id()) && !arrow::is_decimal(type.id()) &&
          type.id() != Type::NA) {
        return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                     "the column '" + path.substr(0, 128) + "' of type " + type.ToString() +
                         " cannot be read from text");
      }
  }
  return node;
}

Status ValueColumn::Node::Bad(std::string_view text) const {
  return Error(Code::kInvalidArgument, Reason::kBadValue,
               "the column '" + path.substr(0, 128) + "' of type " + type->ToString() +
                   " cannot hold '" + std::string(text.substr(0, 64)) + "'");
}

Status ValueColumn::Node::BadKind(const char* found) const {
  return Error(Code::kInvalidArgument, Reason::kBadValue,
               "the column '" + path.substr(0, 128) + "' of type " + type->ToString() +
                   " cannot hold " + found);
}

Status ValueColumn::Node::Text(std::string_view text) {
  switch (kind) {
    case Kind::kText:
      return AppendBytes(*type, builder, text);
    case Kind::kBytes: {
      auto bytes = arrow::util::base64_decode(text);
      if (!bytes.ok()) return Bad(text);
      if (type->id() == Type::FIXED_SIZE_BINARY &&
          bytes->size() !=
              static_cast<size_t>(
                  static_cast<const arrow::FixedSizeBinaryType*>(type)->byte_width())) {
        return Bad(text);
      }
      return AppendBytes(*type, builder, *bytes);
    }
    case Kind::kScalar: {
      Status status;
      return AppendScalar(*type, builder, text, &status) ? status : Bad(text);
    }
    default:
      return Bad(text);
  }
}

Status ValueColumn::Node::Number(simdjson::ondemand::value& value) {
  if (type->id() == Type::INT64) {
    int64_t number = 0;
    if (value.get_int64().get(number) == simdjson::SUCCESS) {
      return static_cast<arrow::Int64Builder*>(builder)->Append(number);
    }
  } else if (type->id() == Type::DOUBLE) {
    double number = 0;
    if (value.get_double().get(number) == simdjson::SUCCESS) {
      return static_cast<arrow::DoubleBuilder*>(builder)->Append(number);
    }
  }
  std::string_view token = value.raw_json_token();
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  Status status;
  // Only true JSON numbers: what follows must not be taken for one.
  const bool number = !token.empty() && (token[0] == '-' || (token[0] >= '0' && token[0] <= '9'));
  if (kind == Kind::kText && number) return AppendBytes(*type, builder, token);
  if (kind == Kind::kScalar && type->id() != Type::BOOL && number &&
      AppendScalar(*type, builder, token, &status)) {
    return status;
  }
  return Bad(token);
}

Status ValueColumn::Node::List(simdjson::ondemand::value& value) {
  json::Array items;
  if (const auto code = value.get_array().get(items)) return json::Bad(code);
  Status status;
  switch (type->id()) {
    case Type::LARGE_LIST:
      status = static_cast<arrow::LargeListBuilder*>(builder)->Append();
      break;
    case Type::FIXED_SIZE_LIST:
      status = static_cast<arrow::FixedSizeListBuilder*>(builder)->Append();
      break;
    default:
      status = static_cast<arrow::ListBuilder*>(builder)->Append();
  }
  ARROW_RETURN_NOT_OK(status);
  int64_t count = 0;
  for (auto item : items) {
    simdjson::ondemand::value inner;
    if (const auto code = item.get(inner)) return json::Bad(code);
    ARROW_RETURN_NOT_OK(children[0].Json(inner));
    ++count;
  }
  if (type->id() == Type::FIXED_SIZE_LIST &&
      count != static_cast<const arrow::FixedSizeListType*>(type)->list_size()) {
    return BadKind(("a list of " + std::to_string(count) + " items").c_str());
  }
  return Status::OK();
}

Status ValueColumn::Node::Struct(simdjson::ondemand::value& value) {
  json::Object object;
  if (const auto code = value.get_object().get(object)) return json::Bad(code);
  auto* rows = static_cast<arrow::StructBuilder*>(builder);
  ARROW_RETURN_NOT_OK(rows->Append());
  const int64_t length = rows->length();
  size_t expected = 0;
  for (auto member : object) {
    std::string_view name;
    if (const auto code = member.unescaped_key().get(name)) return json::Bad(code);
    size_t at = expected;
    if (at >= children.size() || type->field(static_cast<int>(at))->name() != name) {
      const auto found = by_name.find(std::string(name));
      if (found == by_name.end()) continue;
      at = found->second;
    }
    expected = at + 1;
    Node& child = children[at];
    if (child.builder->length() == length) {
      return BadKind(("the member '" + std::string(name.substr(0, 64)) + "' twice").c_str());
    }
    simdjson::ondemand::value inner;
    if (const auto code = member.value().get(inner)) return json::Bad(code);
    ARROW_RETURN_NOT_OK(child.Json(inner));
  }
  for (Node& child : children) {
    if (child.builder->length() < length) ARROW_RETURN_NOT_OK(child.builder->AppendNull());
  }
  return Status::OK();
}

Status ValueColumn::Node::MapObject(simdjson::ondemand::value& value) {
  json::Object object;
  if (const auto code = value.get_object().get(object)) return json::Bad(code);
  for (auto member : object) {
    std::string_view name;
    if (const auto code = member.unescaped_key().get(name)) return json::Bad(code);
    ARROW_RETURN_NOT_OK(children[0].Text(name));
    simdjson::ondemand::value inner;
    if (const auto code = member.value().get(inner)) return json::Bad(code);
    ARROW_RETURN_NOT_OK(children[1].Json(inner));
  }
  return Status::OK();
}

Status ValueColumn::Node::MapArray(simdjson::ondemand::value& value) {
  json::Array items;
  if (const auto code = value.get_array().get(items)) return json::Bad(code);
  for (auto item : items) {
    simdjson::ondemand::value entry;
    if (const auto code = item.get(entry)) return json::Bad(code);
    ARROW_RETURN_NOT_OK(Entry(entry));
  }
  return Status::OK();
}

Status ValueColumn::Node::Entry(simdjson::ondemand::value& value) {
  const int64_t length = children[0].builder->length();
  json::Object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return BadKind("this entry of a map");
  for (auto member : object) {
    std::string_view name;
    if (const auto code = member.unescaped_key().get(name)) return json::Bad(code);
    Node* child = name == "key" ? &children[0] : name == "value" ? &children[1] : nullptr;
    if (child == nullptr || child->builder->length() > length) {
      return BadKind("an entry with other members than one key and one value");
    }
    simdjson::ondemand::value inner;
    if (const auto code = member.value().get(inner)) return json::Bad(code);
    json::Type found{};
    if (const auto code = inner.type().get(found)) return json::Bad(code);
    if (child == &children[0] && found == json::Type::null) return BadKind("a null key");
    ARROW_RETURN_NOT_OK(child->Json(inner));
  }
  if (children[0].builder->length() == length) return BadKind("an entry without a key");
  if (children[1].builder->length() == length) return children[1].builder->AppendNull();
  return Status::OK();
}

Status ValueColumn::Node::Json(simdjson::ondemand::value& value) {
  json::Type found{};
  if (const auto code = value.type().get(found)) return json::Bad(code);
  if (kind == Kind::kText &&
      (found == json::Type::object || found == json::Type::array || found == json::Type::boolean)) {
    std::string_view raw;
    if (found == json::Type::boolean) {
      bool truth = false;
      if (const auto code = value.get_bool().get(truth)) return json::Bad(code);
      raw = truth ? "true" : "false";
    } else if (found == json::Type::array) {
      json::Array array;
      if (const auto code = value.get_array().get(array)) return json::Bad(code);
      if (const auto code = array.raw_json().get(raw)) return json::Bad(code);
    } else {
      json::Object object;
      if (const auto code = value.get_object().get(object)) return json::Bad(code);
      if (const auto code = object.raw_json().get(raw)) return json::Bad(code);
    }
    return AppendBytes(*type, builder, raw);
  }
  switch (found) {
    case json::Type::null: {
      bool null = false;
      if (value.is_null().get(null) != simdjson::SUCCESS || !null) {
        return json::Bad(simdjson::N_ATOM_ERROR);
      }
      return builder->AppendNull();
    }
    case json::Type::string: {
      std::string_view text;
      if (const auto code = value.get_string().get(text)) return json::Bad(code);
      return Text(text);
    }
    case json::Type::boolean: {
      bool truth = false;
      if (const auto code = value.get_bool().get(truth)) return json::Bad(code);
      if (type->id() != Type::BOOL) return BadKind(truth ? "true" : "false");
      return static_cast<arrow::BooleanBuilder*>(builder)->Append(truth);
    }
    case json::Type::number:
      return Number(value);
    case json::Type::array:
      if (kind == Kind::kList) return List(value);
      if (kind == Kind::kMap) {
        ARROW_RETURN_NOT_OK(static_cast<arrow::MapBuilder*>(builder)->Append());
        return MapArray(value);
      }
      return BadKind("a list");
    case json::Type::object:
      if (kind == Kind::kStruct) return Struct(value);
      if (kind == Kind::kMap) {
        ARROW_RETURN_NOT_OK(static_cast<arrow::MapBuilder*>(builder)->Append());
        return MapObject(value);
      }
      return BadKind("an object");
  }
  return BadKind("this value");
}

ValueColumn::ValueColumn(std::shared_ptr<arrow::DataType> type)
    : type_(std::move(type)), parser_(std::make_unique<Parser>()) {}
ValueColumn::~ValueColumn() = default;

Result<std::unique_ptr<ValueColumn>> ValueColumn::Make(
    const std::string& name, const std::shared_ptr<arrow::DataType>& type) {
  std::unique_ptr<ValueColumn> column(new ValueColumn(type));
  auto storage = type;
  while (storage->id() == Type::EXTENSION) {
    storage = static_cast<const arrow::ExtensionType&>(*storage).storage_type();
  }
  auto builder = arrow::MakeBuilder(storage);
  if (!builder.ok()) {
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "the column '" + name.substr(0, 128) + "' of type " + type->ToString() +
                     " cannot be read from text");
  }
  column->builder_ = std::move(*builder);
  // The nodes point into the type, which the column holds.
  ARROW_ASSIGN_OR_RAISE(Node root, Node::Make(name, *storage, column->builder_.get()));
  column->root_ = std::make_unique<Node>(std::move(root));
  return column;
}

Status ValueColumn::AppendNull() {
  return builder_->AppendNull();
}

Status ValueColumn::AppendText(std::string_view text) {
  return root_->Text(text);
}

Status ValueColumn::AppendJsonText(std::string_view text) {
  json::Document document;
  ARROW_RETURN_NOT_OK(json::Parse(&parser_->parser, text, &document));
  simdjson::ondemand::value value;
  if (document.get_value().get(value) != simdjson::SUCCESS) return root_->Bad(text);
  ARROW_RETURN_NOT_OK(root_->Json(value));
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return root_->Bad(text);
  return Status::OK();
}

Status ValueColumn::AppendJson(json::Value& value) {
  return root_->Json(value.value);
}

int64_t ValueColumn::length() const {
  return builder_->length();
}

Result<std::shared_ptr<arrow::Array>> ValueColumn::Finish() {
  std::shared_ptr<arrow::Array> array;
  ARROW_RETURN_NOT_OK(builder_->Finish(&array));
  if (type_->id() == Type::EXTENSION) return arrow::ExtensionType::WrapArray(type_, array);
  return array;
}

}  // namespace firth::format
