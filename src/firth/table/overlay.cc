#include <algorithm>
#include <utility>

#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/series_rows.h"
#include "firth/table/steps.h"

namespace firth::table {
namespace {

using log::WriteClass;

Status NoTable(const Path& path) {
  return Error(Code::kNotFound, Reason::kTableNotFound,
               "there is no table '" + path.ToString() + "'");
}

Status NoNamespace(const Path& path) {
  return Error(Code::kNotFound, Reason::kNamespaceNotFound,
               "there is no namespace '" + path.ToString() + "'");
}

}  // namespace

OverlaidTable* Overlay::Load(const TablePtr& base) {
  auto table = std::make_unique<OverlaidTable>();
  table->base = base;
  table->path = base->path;
  table->attributes = base->attributes;
  table->modified_ns = base->modified_ns;
  table->edition = base->current;
  loaded_.insert(base->id);
  tables_.push_back(std::move(table));
  return by_path_[base->path] = tables_.back().get();
}

Result<const OverlaidTable*> Overlay::Find(const Path& path) {
  const auto found = by_path_.find(path);
  if (found != by_path_.end()) return found->second;
  auto base = catalog_->GetTable(path, at_);
  if (!base.ok()) {
    if (ReasonOf(base.status()) == Reason::kTableNotFound) return nullptr;
    return base.status();
  }
  if (loaded_.contains((*base)->id)) return nullptr;  // it has another path by now, or is gone
  return Load(*base);
}

Result<OverlaidTable*> Overlay::Need(const Path& path) {
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* found, Find(path));
  if (found == nullptr) return NoTable(path);
  return by_path_.at(path);
}

Result<std::vector<const OverlaidTable*>> Overlay::List(const Path& parent) {
  ARROW_ASSIGN_OR_RAISE(const auto listed, catalog_->ListTables(parent, at_));
  for (const TablePtr& table : listed) {
    if (table->path.segments.size() == parent.segments.size() + 1 && !loaded_.contains(table->id)) {
      Load(table);
    }
  }
  std::vector<const OverlaidTable*> all;
  for (const auto& [path, table] : by_path_) {
    if (!path.empty() && path.Parent() == parent) all.push_back(table);
  }
  return all;
}

Result<std::optional<Attributes>> Overlay::FindNamespace(const Path& path) {
  const auto changed = namespaces_.find(path);
  if (changed != namespaces_.end() && changed->second.has_value()) return changed->second;
  if (changed == namespaces_.end()) {
    auto found = catalog_->GetNamespace(path, at_);
    if (found.ok() && found->id != 0) return found->attributes;
    if (!found.ok() && ReasonOf(found.status()) != Reason::kNamespaceNotFound) {
      return found.status();
    }
    if (found.ok()) {
      // It is there only because something is below it, which the steps may have moved away.
      ARROW_ASSIGN_OR_RAISE(const auto below, catalog_->ListTables(path, at_));
      for (const TablePtr& table : below) {
        if (!loaded_.contains(table->id)) return Attributes{};
      }
      ARROW_ASSIGN_OR_RAISE(const auto children, catalog_->ListNamespaces(path, at_));
      for (const auto& child : children) {
        ARROW_ASSIGN_OR_RAISE(const auto there, FindNamespace(child.path));
        if (there.has_value()) return Attributes{};
      }
    }
  }
  for (const auto& [other, attributes] : namespaces_) {
    if (other != path && attributes.has_value() && path.Covers(other)) return Attributes{};
  }
  for (const auto& [table_path, table] : by_path_) {
    if (table_path != path && path.Covers(table_path)) return Attributes{};
  }
  return std::nullopt;
}

Result<std::vector<std::pair<Path, Attributes>>> Overlay::ListNamespaces(const Path& parent) {
  std::set<Path> paths;
  ARROW_ASSIGN_OR_RAISE(const auto listed, catalog_->ListNamespaces(parent, at_));
  for (const auto& info : listed) paths.insert(info.path);
  for (const auto& [path, attributes] : namespaces_) {
    if (path.Parent() == parent) paths.insert(path);
  }
  for (const auto& [path, table] : by_path_) {
    if (parent.Covers(path) && path.segments.size() > parent.segments.size() + 1) {
      paths.insert(parent.Child(path.segments[parent.segments.size()]));
    }
  }
  std::vector<std::pair<Path, Attributes>> all;
  for (const Path& path : paths) {
    ARROW_ASSIGN_OR_RAISE(auto attributes, FindNamespace(path));
    if (attributes.has_value()) all.emplace_back(path, std::move(*attributes));
  }
  return all;
}

std::vector<const OverlaidTable*> Overlay::Touched() const {
  std::vector<const OverlaidTable*> all;
  for (const auto& table : tables_) {
    if (table->was_touched) all.push_back(table.get());
  }
  return all;
}

void Overlay::Touch(OverlaidTable* table, WriteClass how) {
  table->touched = table->was_touched ? std::max(table->touched, how) : how;
  table->was_touched = true;
}

Status Overlay::CheckFree(const Path& path) {
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* taken, Find(path));
  if (taken == nullptr) return Status::OK();
  return Error(Code::kAlreadyExists, Reason::kTableExists,
               "the table '" + path.ToString() + "' exists");
}

Status Overlay::MakeEdition(OverlaidTable* table, std::shared_ptr<arrow::Schema> schema,
                            EditionSpec spec, int32_t number) {
  TableSpec whole{.schema = std::move(schema), .edition = std::move(spec)};
  int32_t next_field_id = 0;
  ARROW_RETURN_NOT_OK(CheckSpec(&whole, &next_field_id));
  EditionInfo edition;
  edition.number = number;
  edition.spec = std::move(whole.edition);
  edition.next_field_id = next_field_id;
  edition.schemas.push_back({.id = SchemaId(1), .schema = std::move(whole.schema)});
  table->edition = std::move(edition);
  table->added.clear();
  return Status::OK();
}

Status Overlay::CreateTable(const Step& step) {
  if (step.path.empty()) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName, "a path must have a segment");
  }
  ARROW_RETURN_NOT_OK(CheckFree(step.path));
  auto table = std::make_unique<OverlaidTable>();
  table->path = step.path;
  table->attributes = step.attributes.value_or(Attributes{});
  if (step.schema != nullptr) {
    ARROW_RETURN_NOT_OK(MakeEdition(table.get(), step.schema, step.spec, step.number));
  }
  Touch(table.get(), WriteClass::kExclusive);
  by_path_[step.path] = table.get();
  tables_.push_back(std::move(table));
  return Status::OK();
}

Status Overlay::AlterTable(const Step& step) {
  ARROW_ASSIGN_OR_RAISE(OverlaidTable * table, Need(step.path));
  if (step.schema != nullptr) {
    if (!table->edition.has_value()) {
      return Error(Code::kFailedPrecondition, Reason::kEditionNotFound,
                   "table '" + step.path.ToString() + "' has no current edition");
    }
    EditionInfo& edition = *table->edition;
    if (step.number >= 0 && step.number != edition.newest().id.value) {
      // Columns that others added since would be taken for dropped ones.
      return Error(Code::kAborted, Reason::kConflict,
                   "table '" + step.path.ToString() + "' has another schema by now");
    }
    const auto schema = schema::AssignFieldIds(step.schema, &edition.next_field_id);
    ARROW_RETURN_NOT_OK(schema::CheckSchema(*schema));
    ARROW_RETURN_NOT_OK(schema::CheckEvolution(*edition.newest().schema, *schema));
    if (!schema->Equals(*edition.newest().schema, /*check_metadata=*/true)) {
      edition.schemas.push_back({.id = SchemaId(edition.newest().id.value + 1), .schema = schema});
    }
  }
  if (step.attributes.has_value()) table->attributes = *step.attributes;
  Touch(table, WriteClass::kOrdered);
  return Status::OK();
}

Status Overlay::RenameTable(const Step& step) {
  ARROW_ASSIGN_OR_RAISE(OverlaidTable * table, Need(step.path));
  ARROW_RETURN_NOT_OK(CheckFree(step.to));
  by_path_.erase(step.path);
  by_path_[step.to] = table;
  table->path = step.to;
  Touch(table, WriteClass::kOrdered);
  return Status::OK();
}

Status Overlay::AddFiles(const Step& step) {
  ARROW_ASSIGN_OR_RAISE(OverlaidTable * table, Need(step.path));
  if (!table->edition.has_value()) {
    return Error(Code::kFailedPrecondition, Reason::kEditionNotFound,
                 "table '" + step.path.ToString() + "' has no current edition");
  }
  if (IsCollection(*table->edition)) return CheckWritable(*table->edition);
  if (!table->edition->spec.key.empty()) {
    if (step.kind == Step::Kind::kReplace) {
      table->emptied = true;
      table->added.clear();
      if (step.attributes.has_value()) table->attributes = *step.attributes;
    }
    Touch(table, step.kind == Step::Kind::kReplace ? WriteClass::kExclusive : WriteClass::kOrdered);
  } else if (step.kind == Step::Kind::kReplace) {
    auto schema = step.schema != nullptr ? step.schema : table->edition->newest().schema;
    ARROW_RETURN_NOT_OK(MakeEdition(table, schema, table->edition->spec, step.number));
    if (step.attributes.has_value()) table->attributes = *step.attributes;
    Touch(table, WriteClass::kExclusive);
  } else {
    Touch(table, step.files.ordered ? WriteClass::kOrdered : WriteClass::kFree);
  }
  if (!step.files.files.empty()) {
    table->added.push_back({.set = step.files, .schema_id = table->edition->newest().id});
  }
  return Status::OK();
}

Status Overlay::Apply(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kCreateNamespace: {
      ARROW_ASSIGN_OR_RAISE(const auto found, FindNamespace(step.path));
      if (found.has_value()) {
        return Error(Code::kAlreadyExists, Reason::kNamespaceExists,
                     "the namespace '" + step.path.ToString() + "' exists");
      }
      namespaces_[step.path] = step.attributes.value_or(Attributes{});
      return Status::OK();
    }
    case Step::Kind::kAlterNamespace: {
      ARROW_ASSIGN_OR_RAISE(const auto found, FindNamespace(step.path));
      if (!found.has_value()) return NoNamespace(step.path);
      namespaces_[step.path] = step.attributes.value_or(*found);
      return Status::OK();
    }
    case Step::Kind::kDropNamespace: {
      ARROW_ASSIGN_OR_RAISE(const auto found, FindNamespace(step.path));
      if (!found.has_value()) return NoNamespace(step.path);
      ARROW_ASSIGN_OR_RAISE(const auto inside, List(step.path));
      if (!inside.empty()) {
        return Error(Code::kFailedPrecondition, Reason::kNamespaceNotEmpty,
                     "the namespace '" + step.path.ToString() + "' is not empty");
      }
      namespaces_[step.path] = std::nullopt;
      return Status::OK();
    }
    case Step::Kind::kCreateTable:
      return CreateTable(step);
    case Step::Kind::kAlterTable:
      return AlterTable(step);
    case Step::Kind::kRenameTable:
      return RenameTable(step);
    case Step::Kind::kDropTable: {
      ARROW_ASSIGN_OR_RAISE(OverlaidTable * table, Need(step.path));
      by_path_.erase(step.path);
      table->edition.reset();
      table->added.clear();
      Touch(table, WriteClass::kExclusive);
      return Status::OK();
    }
    case Step::Kind::kMakeEdition: {
      ARROW_ASSIGN_OR_RAISE(OverlaidTable * table, Need(step.path));
      ARROW_RETURN_NOT_OK(MakeEdition(table, step.schema, step.spec, step.number));
      if (step.attributes.has_value()) table->attributes = *step.attributes;
      Touch(table, WriteClass::kExclusive);
      return Status::OK();
    }
    case Step::Kind::kAddFiles:
    case Step::Kind::kReplace:
      return AddFiles(step);
  }
  return Error(Code::kInternal, Reason::kNone, "an unknown step");
}

}  // namespace firth::table
