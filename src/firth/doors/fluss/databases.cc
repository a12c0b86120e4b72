// Databases: the namespaces whose tables clients see under one name.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/names.h"
#include "firth/doors/fluss/table_json.h"

namespace firth::doors::fluss {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

Status CheckNewName(const std::string& database) {
  const std::string fault = NameFault(database);
  if (fault.empty()) return Status::OK();
  return Refusal(Wire::kInvalidDatabase,
                 "Database name '" + database.substr(0, 64) + "' is invalid: " + fault);
}

/// The tables that are in the database itself, not in one below it.
Result<std::vector<table::TablePtr>> TablesIn(const Request& request, const Path& path) {
  ARROW_ASSIGN_OR_RAISE(auto tables, request.database().ListTables(request.caller(), path));
  std::erase_if(tables, [&](const auto& table) { return table->path.Parent() != path; });
  return tables;
}

/// The database with this name. `_` is the root, which is there while it holds a table.
Result<table::NamespaceInfo> Find(const Request& request, const std::string& database) {
  const Result<Path> path = PathOfDatabase(database);
  if (!path.ok()) return DatabaseNotFound(database);
  if (path->empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto tables, TablesIn(request, *path));
    if (tables.empty()) return DatabaseNotFound(database);
    return table::NamespaceInfo{};
  }
  const auto found = request.database().GetNamespace(request.caller(), *path);
  if (ReasonOf(found.status()) == Reason::kNamespaceNotFound) return DatabaseNotFound(database);
  return found;
}

bool IsMissing(const Status& status) {
  return ReasonOf(status) == Reason::kNamespaceNotFound;
}

Status CreateDatabase(const Request& request, const pb::CreateDatabaseRequest& in, pb::Empty*) {
  ARROW_RETURN_NOT_OK(CheckNewName(in.database()));
  ARROW_ASSIGN_OR_RAISE(const auto attributes, ParseDatabase(in.json()));
  const Result<Path> path = PathOfDatabase(in.database());
  if (!path.ok()) return Refusal(Wire::kInvalidDatabase, MessageOf(path.status()));
  const Status created =
      path->empty() ? Error(Code::kAlreadyExists, Reason::kNamespaceExists, "")
                    : request.database().CreateNamespace(request.caller(), *path, attributes);
  if (ReasonOf(created) != Reason::kNamespaceExists) return created;
  if (in.ignore_if_exists()) return Status::OK();
  return Refusal(Wire::kDatabaseExists, "Database '" + in.database() + "' already exists.");
}

/// A drop takes what the client sees in the database, its tables, and not databases below it, which
/// the client sees as others.
Status DropDatabase(const Request& request, const pb::DropDatabaseRequest& in, pb::Empty*) {
  const auto found = Find(request, in.database());
  if (IsMissing(found.status()) && in.ignore_if_absent()) return Status::OK();
  ARROW_RETURN_NOT_OK(found.status());
  const Path& path = found->path;
  if (path.empty()) {
    return Refusal(Wire::kInvalidDatabase,
                   "the database '_' is where tables without one are shown; drop those tables");
  }
  ARROW_ASSIGN_OR_RAISE(const auto below,
                        request.database().ListNamespaces(request.caller(), path));
  if (!below.empty()) {
    return Refusal(Wire::kDatabaseNotEmpty,
                   "Database '" + in.database() +
                       "' is not empty: it holds other databases, such as '" +
                       DatabaseOf(below.front().path) + "'; drop those first.");
  }
  const Status dropped = request.database().DropNamespace(request.caller(), path, in.cascade());
  if (ReasonOf(dropped) == Reason::kNamespaceNotEmpty) {
    return Refusal(Wire::kDatabaseNotEmpty, "Database '" + in.database() + "' is not empty.");
  }
  if (IsMissing(dropped) && in.ignore_if_absent()) return Status::OK();
  return dropped;
}

Status ListDatabases(const Request& request, const pb::ListDatabasesRequest& in,
                     pb::ListDatabasesAnswer* out) {
  std::vector<table::NamespaceInfo> all;
  ARROW_ASSIGN_OR_RAISE(const auto in_root, TablesIn(request, Path{}));
  if (!in_root.empty()) all.push_back(table::NamespaceInfo{});
  std::vector<Path> parents{Path{}};
  while (!parents.empty()) {
    const Path parent = std::move(parents.back());
    parents.pop_back();
    ARROW_ASSIGN_OR_RAISE(const auto children,
                          request.database().ListNamespaces(request.caller(), parent));
    for (const auto& child : children) {
      parents.push_back(child.path);
      all.push_back(child);
    }
  }
  std::map<std::string, const table::NamespaceInfo*> by_name;
  for (const auto& info : all) by_name[DatabaseOf(info.path)] = &info;
  for (const auto& [name, info] : by_name) {
    if (!in.with_summaries()) {
      out->add_databases(name);
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto tables, TablesIn(request, info->path));
    auto* summary = out->add_summaries();
    summary->set_database(name);
    summary->set_created_ms(info->created_ns / kNsPerMs);
    summary->set_tables(static_cast<int32_t>(tables.size()));
  }
  return Status::OK();
}

Status DatabaseExists(const Request& request, const pb::DatabaseRequest& in,
                      pb::ExistsAnswer* out) {
  const auto found = Find(request, in.database());
  out->set_exists(found.ok());
  return found.ok() || IsMissing(found.status()) ? Status::OK() : found.status();
}

Status GetDatabaseInfo(const Request& request, const pb::DatabaseRequest& in,
                       pb::DatabaseInfoAnswer* out) {
  ARROW_ASSIGN_OR_RAISE(const auto info, Find(request, in.database()));
  out->set_json(DatabaseJson(info.attributes));
  out->set_created_ms(info.created_ns / kNsPerMs);
  out->set_modified_ms(info.modified_ns / kNsPerMs);
  return Status::OK();
}

}  // namespace

void ServeCreateDatabase(const RequestPtr& request) {
  Unary<pb::CreateDatabaseRequest, pb::Empty>(request, &CreateDatabase);
}
void ServeDropDatabase(const RequestPtr& request) {
  Unary<pb::DropDatabaseRequest, pb::Empty>(request, &DropDatabase);
}
void ServeListDatabases(const RequestPtr& request) {
  Unary<pb::ListDatabasesRequest, pb::ListDatabasesAnswer>(request, &ListDatabases);
}
void ServeDatabaseExists(const RequestPtr& request) {
  Unary<pb::DatabaseRequest, pb::ExistsAnswer>(request, &DatabaseExists);
}
void ServeGetDatabaseInfo(const RequestPtr& request) {
  Unary<pb::DatabaseRequest, pb::DatabaseInfoAnswer>(request, &GetDatabaseInfo);
}

}  // namespace firth::doors::fluss
