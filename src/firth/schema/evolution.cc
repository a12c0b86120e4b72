// What may change in the schema of a table that has rows.
#include <algorithm>
#include <string>
#include <unordered_map>

#include "firth/schema/schema.h"
#include "firth/schema/types.h"

namespace firth::schema {
namespace {

using arrow::Type;
using Fields = std::vector<std::shared_ptr<arrow::Field>>;

Status Mismatch(const std::string& path, const std::string& what) {
  return Error(Code::kFailedPrecondition, Reason::kSchemaMismatch,
               "the column '" + path + "' " + what);
}

Status CheckField(const arrow::Field& from, const arrow::Field& to, const std::string& path);

std::string Below(const std::string& path, const std::string& name) {
  const std::string shown = name.substr(0, 64);
  return path.empty() ? shown : path + "." + shown;
}

/// Columns, or the fields of a struct at `path`.
Status CheckNamed(const Fields& from, const Fields& to, const std::string& path) {
  std::unordered_map<int32_t, const arrow::Field*> before;
  for (const auto& field : from) before.emplace(FieldId(*field), field.get());
  for (const auto& field : to) {
    const std::string here = Below(path, field->name());
    const int32_t id = FieldId(*field);
    if (id < 0) return Mismatch(here, "has no id");
    const auto old = before.find(id);
    if (old != before.end()) {
      ARROW_RETURN_NOT_OK(CheckField(*old->second, *field, here));
    } else if (!field->nullable()) {
      return Mismatch(here, "is new and must be nullable, because older rows have no value for it");
    }
  }
  return Status::OK();
}

Status CheckType(const arrow::DataType& from, const arrow::DataType& to, const std::string& path) {
  const auto changed = [&] {
    return Mismatch(path,
                    "cannot change its type from " + from.ToString() + " to " + to.ToString());
  };
  if (from.id() != to.id()) return changed();
  switch (from.id()) {
    case Type::STRUCT:
      return CheckNamed(from.fields(), to.fields(), path);
    case Type::MAP: {
      const auto& before = static_cast<const arrow::MapType&>(from);
      const auto& after = static_cast<const arrow::MapType&>(to);
      if (before.keys_sorted() != after.keys_sorted()) return changed();
      ARROW_RETURN_NOT_OK(CheckField(*before.key_field(), *after.key_field(), path + ".key"));
      return CheckField(*before.item_field(), *after.item_field(), path + ".value");
    }
    case Type::FIXED_SIZE_LIST:
      if (static_cast<const arrow::FixedSizeListType&>(from).list_size() !=
          static_cast<const arrow::FixedSizeListType&>(to).list_size()) {
        return changed();
      }
      [[fallthrough]];
    case Type::LIST:
    case Type::LARGE_LIST:
      return CheckField(*from.field(0), *to.field(0), path + ".item");
    default:
      return from.Equals(to) ? Status::OK() : changed();
  }
}

Status CheckField(const arrow::Field& from, const arrow::Field& to, const std::string& path) {
  if (from.nullable() && !to.nullable()) {
    return Mismatch(path, "holds nulls and cannot forbid them now");
  }
  return CheckType(*from.type(), *to.type(), path);
}

}  // namespace

Status CheckEvolution(const arrow::Schema& from, const arrow::Schema& to) {
  return CheckNamed(from.fields(), to.fields(), "");
}

}  // namespace firth::schema
