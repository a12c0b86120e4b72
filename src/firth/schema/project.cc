// Older rows under a newer schema.
#include <arrow/array/array_base.h>
#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>

#include <string>
#include <unordered_map>
#include <utility>

#include "firth/schema/schema.h"
#include "firth/schema/types.h"

namespace firth::schema {
namespace {

using arrow::ArrayData;
using arrow::Type;
using DataPtr = std::shared_ptr<ArrayData>;
using Fields = std::vector<std::shared_ptr<arrow::Field>>;

Status Mismatch(const std::string& path, const std::string& what) {
  return Error(Code::kFailedPrecondition, Reason::kSchemaMismatch,
               "the column '" + path.substr(0, 128) + "' " + what);
}

bool Widens(const arrow::DataType& from, const arrow::DataType& to) {
  if (!arrow::is_integer(from.id()) || !arrow::is_integer(to.id())) return false;
  const bool from_signed = arrow::is_signed_integer(from.id());
  const bool to_signed = arrow::is_signed_integer(to.id());
  return from.bit_width() < to.bit_width() && (to_signed || !from_signed);
}

/// Finds a field among `fields` by its id, or by its name where neither has one.
class FieldFinder {
 public:
  explicit FieldFinder(const Fields& fields) {
    for (size_t i = 0; i < fields.size(); ++i) {
      const int32_t id = FieldId(*fields[i]);
      if (id >= 0) {
        by_id_.emplace(id, static_cast<int>(i));
      } else {
        by_name_.emplace(fields[i]->name(), static_cast<int>(i));
      }
    }
  }

  int Find(const arrow::Field& field) const {
    const int32_t id = FieldId(field);
    if (id >= 0) {
      const auto at = by_id_.find(id);
      return at == by_id_.end() ? -1 : at->second;
    }
    const auto at = by_name_.find(field.name());
    return at == by_name_.end() ? -1 : at->second;
  }

 private:
  std::unordered_map<int32_t, int> by_id_;
  std::unordered_map<std::string, int> by_name_;
};

Result<DataPtr> ProjectField(const DataPtr& data, const arrow::Field& from, const arrow::Field& to,
                             const std::string& path);

/// `data` under the type `type`, of the same shape, with other children.
DataPtr WithType(const DataPtr& data, std::shared_ptr<arrow::DataType> type,
                 std::vector<DataPtr> children) {
  auto out = std::make_shared<ArrayData>(*data);
  out->type = std::move(type);
  out->child_data = std::move(children);
  return out;
}

Result<DataPtr> Absent(const arrow::Field& field, int64_t length, const std::string& path) {
  if (!field.nullable() && length > 0) return Mismatch(path, "is absent and must not be null");
  ARROW_ASSIGN_OR_RAISE(const auto nulls, arrow::MakeArrayOfNull(field.type(), length));
  return nulls->data();
}

Result<DataPtr> ProjectStruct(const DataPtr& data, const arrow::DataType& from,
                              const std::shared_ptr<arrow::DataType>& to, const std::string& path) {
  const FieldFinder finder(from.fields());
  std::vector<DataPtr> children;
  children.reserve(static_cast<size_t>(to->num_fields()));
  for (const auto& field : to->fields()) {
    const std::string here = path + "." + field->name();
    const int at = finder.Find(*field);
    DataPtr child;
    if (at < 0) {
      // A struct's slice moves its own offset, and its children stay whole.
      ARROW_ASSIGN_OR_RAISE(child, Absent(*field, data->offset + data->length, here));
    } else {
      ARROW_ASSIGN_OR_RAISE(child, ProjectField(data->child_data[static_cast<size_t>(at)],
                                                *from.field(at), *field, here));
    }
    children.push_back(std::move(child));
  }
  return WithType(data, to, std::move(children));
}

Result<DataPtr> ProjectMap(const DataPtr& data, const arrow::MapType& from,
                           const std::shared_ptr<arrow::DataType>& to, const std::string& path) {
  const auto& map = static_cast<const arrow::MapType&>(*to);
  const DataPtr& entries = data->child_data[0];
  ARROW_ASSIGN_OR_RAISE(auto keys, ProjectField(entries->child_data[0], *from.key_field(),
                                                *map.key_field(), path + ".key"));
  ARROW_ASSIGN_OR_RAISE(auto items, ProjectField(entries->child_data[1], *from.item_field(),
                                                 *map.item_field(), path + ".value"));
  return WithType(data, to,
                  {WithType(entries, map.value_type(), {std::move(keys), std::move(items)})});
}

Result<DataPtr> ProjectType(const DataPtr& data, const std::shared_ptr<arrow::DataType>& from,
                            const std::shared_ptr<arrow::DataType>& to, const std::string& path) {
  const auto differs = [&] {
    return Mismatch(
        path, "has the type " + from->ToString() + " and cannot be shown as " + to->ToString());
  };
  if (!arrow::is_nested(from->id())) {
    if (from->Equals(*to)) return data;
    if (!Widens(*from, *to)) return differs();
    ARROW_ASSIGN_OR_RAISE(
        const auto wide,
        arrow::compute::Cast(*arrow::MakeArray(data), to, arrow::compute::CastOptions::Safe()));
    return wide->data();
  }
  // Equal metadata means equal ids at every depth; without it, names that agree prove nothing.
  if (from->Equals(*to, /*check_metadata=*/true)) return data;
  if (from->id() != to->id()) return differs();
  switch (from->id()) {
    case Type::STRUCT:
      return ProjectStruct(data, *from, to, path);
    case Type::MAP:
      return ProjectMap(data, static_cast<const arrow::MapType&>(*from), to, path);
    case Type::FIXED_SIZE_LIST:
      if (static_cast<const arrow::FixedSizeListType&>(*from).list_size() !=
          static_cast<const arrow::FixedSizeListType&>(*to).list_size()) {
        return differs();
      }
      [[fallthrough]];
    case Type::LIST:
    case Type::LARGE_LIST: {
      ARROW_ASSIGN_OR_RAISE(auto child, ProjectField(data->child_data[0], *from->field(0),
                                                     *to->field(0), path + ".item"));
      return WithType(data, to, {std::move(child)});
    }
    default:
      return differs();
  }
}

Result<DataPtr> ProjectField(const DataPtr& data, const arrow::Field& from, const arrow::Field& to,
                             const std::string& path) {
  // Below a null parent there may be nulls that nobody sees, so only a narrowing is looked at.
  if (from.nullable() && !to.nullable() && data->GetNullCount() > 0) {
    return Mismatch(path, "has nulls, which the schema asked for forbids");
  }
  return ProjectType(data, from.type(), to.type(), path);
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> Project(const arrow::RecordBatch& batch,
                                                    const std::shared_ptr<arrow::Schema>& to) {
  const FieldFinder finder(batch.schema()->fields());
  std::vector<DataPtr> columns;
  columns.reserve(static_cast<size_t>(to->num_fields()));
  for (const auto& field : to->fields()) {
    const int at = finder.Find(*field);
    DataPtr column;
    if (at < 0) {
      ARROW_ASSIGN_OR_RAISE(column, Absent(*field, batch.num_rows(), field->name()));
    } else {
      ARROW_ASSIGN_OR_RAISE(column, ProjectField(batch.column_data(at), *batch.schema()->field(at),
                                                 *field, field->name()));
    }
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(to, batch.num_rows(), std::move(columns));
}

}  // namespace firth::schema
