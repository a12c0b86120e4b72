#include "firth/doors/aws/table_rest.h"

#include "firth/doors/aws/json.h"
#include "firth/doors/aws/table_shape.h"

namespace firth::doors::aws {
namespace {

constexpr std::string_view kTables = "/sleeper/tables";

net::HttpResponse Written(int status, const json& body) {
  net::HttpResponse answer;
  answer.status = status;
  answer.body = JsonText(body);
  return answer;
}

/// The error's word in the body of an answer.
std::string_view WordOf(const Status& status) {
  if (WireCode(status, Service::kRest) == "invalid_request") return "invalid_request";
  switch (CodeOf(status)) {
    case Code::kAlreadyExists:
      return "table_already_exists";
    case Code::kNotFound:
      return "not_found";
    case Code::kPermissionDenied:
      return "forbidden";
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
      return "invalid_request";
    default:
      return "internal_error";
  }
}

net::HttpResponse Refused(const Status& status) {
  const std::string_view word = WordOf(status);
  const std::string message =
      WireCode(status, Service::kRest) == "invalid_request" ? status.message() : MessageOf(status);
  json body{{"error", word}};
  if (word != "internal_error" && word != "not_found") body["message"] = message;
  return Written(HttpStatusOf(word, Service::kRest), body);
}

Status NotFound() {
  return Error(Code::kNotFound, Reason::kNone, "there is no such path");
}

}  // namespace

bool IsTablesPath(std::string_view path) {
  return path.find(kTables) != std::string_view::npos;
}

net::HttpResponse TableRest::Answer(const Call& call) const {
  std::string_view path = call.request->path;
  const size_t at = path.find(kTables);
  std::string instance;
  if (at != std::string_view::npos) instance = path.substr(0, at);
  if (instance.starts_with('/')) instance.erase(0, 1);
  const auto& ids = instances_->ids();
  if (instance.empty() && !ids.empty()) instance = ids.front();
  if (at == std::string_view::npos || std::find(ids.begin(), ids.end(), instance) == ids.end()) {
    return Refused(NotFound());
  }
  path.remove_prefix(at + kTables.size());
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::string& method = call.request->method;
  Result<net::HttpResponse> answer = NotFound();
  if (path.empty()) {
    if (method == "POST") answer = Create(call, instance);
    if (method == "GET") answer = List(call, instance);
  } else if (path.starts_with('/')) {
    const auto name = net::PercentDecode(path.substr(1));
    if (name.ok() && method == "GET") answer = Describe(call, instance, *name);
    if (name.ok() && method == "DELETE") answer = Drop(call, instance, *name);
  }
  return answer.ok() ? std::move(*answer) : Refused(answer.status());
}

Result<net::HttpResponse> TableRest::Create(const Call& call, const std::string& instance) const {
  const auto request = ParseJson(call.body);
  if (!request.ok()) return Fault("invalid_request", MessageOf(request.status()));
  ARROW_ASSIGN_OR_RAISE(const NewTable table, ReadNewTable(*request));
  ARROW_ASSIGN_OR_RAISE(const Path path, TablePath(instance, table.name));
  ARROW_ASSIGN_OR_RAISE(const auto made, database_->CreateTable(call.caller, path, table.spec));
  // Clients of 0.18 and before put what they write into a bucket of the table's own.
  const std::string bucket = Instances::QueueName(instance, "table-" + table.name);
  if (IsBucketName(bucket)) {
    const Status shelved = objects_->CreateContainer(bucket);
    if (!shelved.ok() && ReasonOf(shelved) != Reason::kNamespaceExists) return shelved;
  }
  return Written(201, {{"tableId", TableIdText(made->id)}, {"tableName", table.name}});
}

Result<net::HttpResponse> TableRest::List(const Call& call, const std::string& instance) const {
  ARROW_ASSIGN_OR_RAISE(const auto tables, database_->ListTables(call.caller, Path{{instance}}));
  json list = json::array();
  for (const auto& table : tables) {
    if (table->path.segments.size() < 2) continue;
    list.push_back(
        {{"tableId", TableIdText(table->id)}, {"tableName", TableName(instance, table->path)}});
  }
  return Written(200, {{"tables", list}});
}

Result<net::HttpResponse> TableRest::Describe(const Call& call, const std::string& instance,
                                              const std::string& name) const {
  ARROW_ASSIGN_OR_RAISE(const auto table, FindTable(database_, call.caller, instance, name, ""));
  ARROW_ASSIGN_OR_RAISE(const TableShape shape, ShapeOf(instance, *table));
  return Written(200,
                 {{"tableId", shape.id}, {"tableName", shape.name}, {"schema", SchemaJson(shape)}});
}

Result<net::HttpResponse> TableRest::Drop(const Call& call, const std::string& instance,
                                          const std::string& name) const {
  ARROW_ASSIGN_OR_RAISE(const Path path, TablePath(instance, name));
  ARROW_RETURN_NOT_OK(database_->DropTable(call.caller, path));
  net::HttpResponse answer;
  answer.status = 204;
  return answer;
}

}  // namespace firth::doors::aws
