#include "firth/doors/deltacat/service.h"

#include <utility>

#include "firth/common/json_depth.h"
#include "firth/common/logging.h"
#include "firth/doors/deltacat/errors.h"
#include "firth/doors/deltacat/names.h"
#include "firth/doors/deltacat/router.h"
#include "firth/table/transactions.h"

namespace firth::doors::deltacat {
namespace {

constexpr std::string_view kBearer = "Bearer ";

net::HttpResponse Respond(const Answer& answer) {
  net::HttpResponse response;
  response.status = answer.status;
  if (answer.status != 204) {
    response.body = answer.body.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  return response;
}

Result<Call> Parse(const net::HttpRequest& request) {
  Call call;
  auto query = net::ParseQuery(request.query);
  if (!query.ok()) return Refuse("invalid_request", "the query has a bad escape");
  for (auto& [name, value] : *query) call.query[name] = std::move(value);
  if (!request.body.empty()) {
    if (JsonDepth(request.body) > kJsonDepthMax) {
      return Refuse("invalid_request", "the body is nested more than 64 levels deep");
    }
    call.body = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
    if (call.body.is_discarded()) return Refuse("invalid_request", "the body is not JSON");
    if (!call.body.is_object()) return Refuse("invalid_request", "the body must be a JSON object");
  }
  return call;
}

}  // namespace

Result<access::Caller> Service::SignIn(const net::HttpRequest& request) {
  const std::string_view header = request.Header("authorization");
  if (header.starts_with(kBearer)) {
    return database_->access()->SignInWithSecret(header.substr(kBearer.size()));
  }
  const access::Caller anonymous = database_->access()->Anonymous();
  if (header.empty() && database_->access()->RightsOn(anonymous, Path{}) != 0) return anonymous;
  return Refuse("authentication_required", "this server needs a bearer token");
}

Status Service::CheckCatalog(const Call& call) {
  auto named = call.Query("catalog");
  if (!named.has_value()) {
    ARROW_ASSIGN_OR_RAISE(named, call.Text("catalog"));
  }
  if (!named.has_value() || *named == kCatalog) return Status::OK();
  return Refuse("catalog_not_found", "there is no catalog '" + named->substr(0, 64) + "'");
}

net::HttpResponse Service::Serve(const net::HttpRequest& request) {
  const auto serve = [&]() -> Result<Answer> {
    ARROW_ASSIGN_OR_RAISE(const Routed routed, Route(request.method, request.path));
    access::Caller caller;
    if (request.path != "/health") {
      ARROW_ASSIGN_OR_RAISE(caller, SignIn(request));
    }
    ARROW_ASSIGN_OR_RAISE(Call call, Parse(request));
    call.caller = std::move(caller);
    call.names = routed.names;
    call.target = request.method + " " + request.path;
    ARROW_RETURN_NOT_OK(CheckCatalog(call));
    return (this->*routed.handler)(call);
  };
  const auto answer = serve();
  if (answer.ok()) return Respond(*answer);
  const WireError error = WireErrorOf(answer.status());
  if (error.status == 500) {
    logging::Error("deltacat", "{} {}: {}", request.method, request.path,
                   MessageOf(answer.status()));
  }
  return ErrorAnswer(answer.status());
}

Status Service::CheckRead(const Call& call, const Path& path) {
  return database_->access()->Check(call.caller, access::kSee | access::kRead, path);
}

Status Service::CheckWrite(const Call& call, const Path& path) {
  return database_->access()->Check(call.caller, access::kWrite, path);
}

Result<const table::OverlaidTable*> Service::NeedTable(const Call& call, table::Overlay* view,
                                                       const Path& path) {
  ARROW_RETURN_NOT_OK(CheckRead(call, path));
  ARROW_ASSIGN_OR_RAISE(const auto* found, view->Find(path));
  if (found != nullptr) return found;
  const auto [space, table] = TableNames(path);
  return Error(Code::kNotFound, Reason::kTableNotFound,
               "there is no table '" + table + "' in the namespace '" + space + "'");
}

std::string Service::OperationName(const std::string& id) {
  return "deltacat/operation/" + id;
}

Result<std::optional<std::string>> Service::OperationOf(const Call& call) {
  const auto id = call.Query("operation_id");
  if (id.has_value()) return id;
  return call.Text("operation_id");
}

Result<std::optional<Answer>> Service::FirstAnswer(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const auto id, OperationOf(call));
  if (!id.has_value()) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const auto text, database_->catalog()->GetValue(OperationName(*id)));
  if (!text.has_value()) return std::nullopt;
  const json held = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!held.is_object() || held.value("fingerprint", "") != call.Fingerprint()) {
    return Refuse("operation_payload_mismatch",
                  "the operation " + id->substr(0, 64) + " was made with another request");
  }
  return Answer{.status = held.value("status", 200), .body = held.value("body", json::object())};
}

Result<std::vector<catalog::ValueChange>> Service::RememberAnswer(const Call& call,
                                                                  const Answer& answer) {
  std::vector<catalog::ValueChange> values;
  ARROW_ASSIGN_OR_RAISE(const auto id, OperationOf(call));
  if (!id.has_value()) return values;
  const json held = {{"fingerprint", call.Fingerprint()},
                     {"status", answer.status},
                     {"body", answer.body},
                     {"at_ns", database_->clock().NowNs()}};
  values.push_back({.name = OperationName(*id),
                    .value = held.dump(-1, ' ', false, json::error_handler_t::replace),
                    .compare = true});
  return values;
}

Result<Answer> Service::Change(const Call& call, const std::vector<table::Step>& steps,
                               Answer answer) {
  ARROW_ASSIGN_OR_RAISE(auto first, FirstAnswer(call));
  if (first.has_value()) return *std::move(first);
  ARROW_ASSIGN_OR_RAISE(const auto transaction, TransactionOf(call));
  if (transaction.has_value()) {
    answer.body["transaction_id"] = transaction->id;
    answer.body["transaction_version"] = transaction->version + 1;
  }
  ARROW_ASSIGN_OR_RAISE(auto values, RememberAnswer(call, answer));
  if (transaction.has_value()) {
    ARROW_RETURN_NOT_OK(AddToTransaction(call, *transaction, steps, values));
    return answer;
  }
  ARROW_RETURN_NOT_OK(
      database_->ApplySteps(call.caller, steps, {.values = std::move(values)}).status());
  return answer;
}

Status Service::AddToTransaction(const Call& call, const TransactionRef& transaction,
                                 const std::vector<table::Step>& steps,
                                 const std::vector<catalog::ValueChange>& values) {
  const auto added = database_->transactions()->Add(call.caller, transaction.id,
                                                    transaction.version, steps, values);
  if (ReasonOf(added.status()) == Reason::kNotAllowed &&
      CodeOf(added.status()) == Code::kFailedPrecondition) {
    return Refuse("transaction_read_only", MessageOf(added.status()));
  }
  return added.status();
}

Result<Answer> Service::Health(const Call&) {
  return Answer{.body = {{"status", "ok"}}};
}

}  // namespace firth::doors::deltacat
