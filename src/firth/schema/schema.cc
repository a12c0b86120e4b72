#include "firth/schema/schema.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "firth/common/text.h"
#include "firth/schema/types.h"

namespace firth::schema {
namespace {

using arrow::Type;
using Fields = std::vector<std::shared_ptr<arrow::Field>>;

Status Invalid(std::string message) {
  return Error(Code::kInvalidArgument, Reason::kInvalidSchema, std::move(message));
}

/// The walk of CheckSchema. `path` names where it stands, for the error.
class SchemaCheck {
 public:
  Status Named(const Fields& fields, const std::string& path, int depth) {
    if (fields.size() > static_cast<size_t>(kColumnsMax)) {
      return Invalid(path + " has " + std::to_string(fields.size()) + " fields; at most " +
                     std::to_string(kColumnsMax) + " are allowed");
    }
    std::set<std::string_view> names;
    for (const auto& field : fields) {
      const std::string& name = field->name();
      if (name.empty()) return Invalid(path + " has a field with an empty name");
      if (!IsUtf8(name)) return Invalid(path + " has a field whose name is not UTF-8");
      if (!names.insert(name).second) {
        return Invalid(path + " has two fields named '" + name.substr(0, 64) + "'");
      }
      const std::string here = "the column '" + name.substr(0, 64) + "'";
      ARROW_RETURN_NOT_OK(Id(*field, here));
      ARROW_RETURN_NOT_OK(OfType(*field->type(), here, depth));
    }
    return Status::OK();
  }

 private:
  Status Id(const arrow::Field& field, const std::string& path) {
    const int32_t id = FieldId(field);
    if (id < 0) return Status::OK();
    if (id > kFieldIdMax) {
      return Invalid(path + " has the id " + std::to_string(id) + ", which is above " +
                     std::to_string(kFieldIdMax));
    }
    if (!ids_.insert(id).second) {
      return Invalid(path + " has the id " + std::to_string(id) + ", which another field has too");
    }
    return Status::OK();
  }

  Status OfType(const arrow::DataType& outer, const std::string& path, int depth) {
    if (++fields_ > kFieldsMax) {
      return Invalid("the schema has more than " + std::to_string(kFieldsMax) + " fields");
    }
    const arrow::DataType& type = StorageType(outer);
    if (!IsStorable(type)) {
      return Invalid(path + " has the type " + outer.ToString() + ", which a table cannot hold");
    }
    if (depth > kNestingMax) {
      return Invalid(path + " is nested more than " + std::to_string(kNestingMax) + " deep");
    }
    // A fixed size is multiplied by lists around it, so each level is measured with all below it.
    if (const int64_t bytes = FixedBytes(type); bytes > kFixedBytesMax) {
      return Invalid(path + " takes more than " + std::to_string(kFixedBytesMax) +
                     " bytes in every row");
    }
    if (type.id() == Type::STRUCT) return Named(type.fields(), path, depth + 1);
    if (type.id() == Type::MAP) {
      const auto& map = static_cast<const arrow::MapType&>(type);
      ARROW_RETURN_NOT_OK(OfType(*map.key_type(), path, depth + 1));
      return OfType(*map.item_type(), path, depth + 1);
    }
    for (const auto& child : type.fields()) {
      ARROW_RETURN_NOT_OK(OfType(*child->type(), path, depth + 1));
    }
    return Status::OK();
  }

  std::set<int32_t> ids_;
  int fields_ = 0;
};

void RaiseAbove(const Fields& fields, int32_t* next_id) {
  for (const auto& field : fields) {
    *next_id = std::max(*next_id, FieldId(*field) + 1);
    RaiseAbove(field->type()->fields(), next_id);
  }
}

std::shared_ptr<arrow::DataType> WithIdsInside(const std::shared_ptr<arrow::DataType>& type,
                                               int32_t* next_id);

/// `named`: the fields are columns or those of a struct, and so have ids themselves.
Fields WithIds(const Fields& fields, bool named, int32_t* next_id) {
  Fields out;
  out.reserve(fields.size());
  for (auto field : fields) {
    if (named && FieldId(*field) < 0) field = WithFieldId(field, (*next_id)++);
    auto type = WithIdsInside(field->type(), next_id);
    out.push_back(type == field->type() ? std::move(field) : field->WithType(std::move(type)));
  }
  return out;
}

std::shared_ptr<arrow::DataType> WithIdsInside(const std::shared_ptr<arrow::DataType>& type,
                                               int32_t* next_id) {
  if (!arrow::is_nested(type->id())) return type;
  // The struct of a map's entries has no ids: its two fields are the key and the value.
  if (type->id() == Type::MAP) {
    const auto& map = static_cast<const arrow::MapType&>(*type);
    return WithChildren(*type, WithIds({map.key_field(), map.item_field()}, false, next_id));
  }
  return WithChildren(*type, WithIds(type->fields(), type->id() == Type::STRUCT, next_id));
}

}  // namespace

int32_t FieldId(const arrow::Field& field) {
  if (field.metadata() == nullptr) return -1;
  const int at = field.metadata()->FindKey(kFieldIdKey);
  if (at < 0) return -1;
  const std::string& text = field.metadata()->value(at);
  int32_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0) return -1;
  return std::min(id, kFieldIdMax + 1);  // one more than the next id may be
}

std::shared_ptr<arrow::Field> WithFieldId(const std::shared_ptr<arrow::Field>& field, int32_t id) {
  const auto metadata = field->metadata() == nullptr ? std::make_shared<arrow::KeyValueMetadata>()
                                                     : field->metadata()->Copy();
  FIRTH_CHECK(metadata->Set(kFieldIdKey, std::to_string(id)).ok());
  return field->WithMetadata(metadata);
}

Status CheckSchema(const arrow::Schema& schema) {
  if (schema.num_fields() == 0) return Invalid("the schema has no columns");
  return SchemaCheck().Named(schema.fields(), "the schema", 1);
}

std::shared_ptr<arrow::Schema> AssignFieldIds(const std::shared_ptr<arrow::Schema>& schema,
                                              int32_t* next_id) {
  RaiseAbove(schema->fields(), next_id);
  return arrow::schema(WithIds(schema->fields(), true, next_id), schema->metadata());
}

Result<std::string> SerializeSchema(const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto buffer, arrow::ipc::SerializeSchema(schema));
  return buffer->ToString();
}

Result<std::shared_ptr<arrow::Schema>> ParseSchema(std::string_view bytes) {
  arrow::io::BufferReader reader(std::make_shared<arrow::Buffer>(
      reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int64_t>(bytes.size())));
  arrow::ipc::DictionaryMemo dictionaries;
  auto schema = arrow::ipc::ReadSchema(&reader, &dictionaries);
  if (!schema.ok()) {
    return Invalid("the schema message cannot be read: " + schema.status().message());
  }
  return schema;
}

Result<std::vector<int>> ColumnIndices(const arrow::Schema& schema,
                                       const std::vector<std::string>& names) {
  std::vector<int> indices;
  indices.reserve(names.size());
  for (const std::string& name : names) {
    const int at = schema.GetFieldIndex(name);
    if (at < 0) {
      return Error(Code::kInvalidArgument, Reason::kColumnNotFound,
                   "there is no column '" + name.substr(0, 64) + "'");
    }
    indices.push_back(at);
  }
  return indices;
}

}  // namespace firth::schema
