#include "firth/doors/aws/table_shape.h"

#include <arrow/type_traits.h>
#include <fmt/format.h>

#include <algorithm>

#include "firth/common/bytes.h"
#include "firth/common/text.h"

namespace firth::doors::aws {
namespace {

using arrow::Type;
using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr char kRowKeysAttribute[] = "aws.row_keys";

bool IsNameByte(unsigned char byte) {
  return std::isalnum(byte) != 0 || byte == '_' || byte == '-' || byte == '.';
}
constexpr NameRules kNames{.allowed = IsNameByte, .joiner = '.'};

bool IsPlain(const arrow::DataType& type) {
  return type.id() == Type::INT32 || type.id() == Type::INT64 || type.id() == Type::STRING ||
         type.id() == Type::BINARY;
}

/// The names of a table's keys, and how many of them are row keys.
std::vector<std::string> KeysOf(const table::TableInfo& table, const table::EditionInfo& edition,
                                int* row_keys) {
  const auto& spec = edition.spec;
  if (!spec.order.empty() && spec.key.empty()) {
    *row_keys = static_cast<int>(spec.order.size());
    const auto own = table.attributes.find(kRowKeysAttribute);
    if (own != table.attributes.end()) {
      const auto count = ParseInt64(own->second);
      if (count.ok() && *count >= 1 && *count < *row_keys) *row_keys = static_cast<int>(*count);
    }
    return spec.order;
  }
  std::vector<std::string> keys = spec.key;
  if (keys.empty()) keys = spec.series_by;
  if (spec.key.empty() && !spec.time_column.empty()) keys.push_back(spec.time_column);
  const auto& fields = edition.newest().schema->fields();
  for (const auto& field : fields) {
    if (keys.empty() && IsPlain(*ShownType(*field->type()))) keys = {field->name()};
  }
  *row_keys = static_cast<int>(keys.size());
  return keys;
}

}  // namespace

const ShapeField* TableShape::FindRowKey(std::string_view field) const {
  for (int i = 0; i < row_keys; ++i) {
    if (fields[static_cast<size_t>(i)].name == field) return &fields[static_cast<size_t>(i)];
  }
  return nullptr;
}

std::shared_ptr<arrow::Schema> TableShape::schema() const {
  arrow::FieldVector columns;
  for (const ShapeField& field : fields) {
    columns.push_back(arrow::field(field.name, field.type, field.nullable));
  }
  return arrow::schema(std::move(columns));
}

TypePtr ShownType(const arrow::DataType& stored) {
  switch (stored.id()) {
    case Type::INT8:
    case Type::UINT8:
    case Type::INT16:
    case Type::UINT16:
    case Type::INT32:
      return arrow::int32();
    case Type::UINT32:
    case Type::INT64:
    case Type::TIMESTAMP:
    case Type::DURATION:
      return arrow::int64();
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::FIXED_SIZE_BINARY:
      return arrow::binary();
    case Type::LIST: {
      const auto& element = *stored.field(0);
      const TypePtr shown = ShownType(*element.type());
      if (!IsPlain(*shown)) return arrow::utf8();
      return arrow::list(arrow::field("element", shown, element.nullable()));
    }
    case Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(stored);
      const TypePtr key = ShownType(*map.key_type());
      const TypePtr item = ShownType(*map.item_type());
      if (!IsPlain(*key) || !IsPlain(*item)) return arrow::utf8();
      return std::make_shared<arrow::MapType>(
          arrow::field("key", key, false),
          arrow::field("value", item, map.item_field()->nullable()));
    }
    default:
      return arrow::utf8();
  }
}

Result<TableShape> ShapeOf(const std::string& instance, const table::TableInfo& table) {
  if (!table.current.has_value()) {
    return Error(Code::kFailedPrecondition, Reason::kEditionNotFound,
                 "table '" + table.path.ToString() + "' has no current edition");
  }
  TableShape shape;
  shape.id = TableIdText(table.id);
  shape.name = TableName(instance, table.path);
  shape.keyed = !table.current->spec.key.empty();
  const auto& schema = *table.current->newest().schema;
  int row_keys = 0;
  const auto keys = KeysOf(table, *table.current, &row_keys);
  shape.row_keys = row_keys;
  shape.sort_keys = static_cast<int>(keys.size()) - row_keys;
  const auto add = [&](const arrow::Field& field) {
    shape.fields.push_back(
        {.name = field.name(), .type = ShownType(*field.type()), .nullable = field.nullable()});
  };
  for (const std::string& key : keys) {
    const auto field = schema.GetFieldByName(key);
    if (field == nullptr) break;
    add(*field);
  }
  for (const auto& field : schema.fields()) {
    if (std::find(keys.begin(), keys.end(), field->name()) == keys.end()) add(*field);
  }
  if (keys.empty() || shape.fields.size() < keys.size()) {
    return Error(Code::kFailedPrecondition, Reason::kSchemaMismatch,
                 "table '" + table.path.ToString() + "' has no field that could be a row key");
  }
  return shape;
}

Result<Path> TablePath(const std::string& instance, const std::string& name) {
  if (name.empty() || name.size() > 512) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName,
                 "a table's name is empty or too long");
  }
  ARROW_ASSIGN_OR_RAISE(Path path, NamesToPath({name}, kNames));
  path.segments.insert(path.segments.begin(), instance);
  return path;
}

std::string TableName(const std::string& instance, const Path& path) {
  Path below = path;
  if (!below.empty() && below.segments.front() == instance) {
    below.segments.erase(below.segments.begin());
  }
  return PathToNames(below, 1, kNames).front();
}

std::string TableIdText(TableId id) {
  return fmt::format("{:032x}", static_cast<uint64_t>(id.value));
}

Result<table::TablePtr> FindTable(table::Database* database, const access::Caller& caller,
                                  const std::string& instance, const std::string& name,
                                  const std::string& id) {
  const auto absent = [] {
    return Error(Code::kNotFound, Reason::kTableNotFound, "Table not found");
  };
  if (id.empty()) {
    const auto path = TablePath(instance, name);
    if (!path.ok()) return absent();
    return database->GetTable(caller, *path);
  }
  const auto bytes = FromHex(id);
  if (!bytes.ok() || bytes->size() != 16) return absent();
  ARROW_ASSIGN_OR_RAISE(auto table,
                        database->GetTable(caller, TableId(LoadBe<int64_t>(bytes->data() + 8))));
  return Path{{instance}}.Covers(table->path) ? Result<table::TablePtr>(table) : absent();
}

}  // namespace firth::doors::aws
