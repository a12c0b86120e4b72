// Actions on queries that run under a name.
#include <vector>

#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/fields.h"
#include "firth/doors/flight/running_queries.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

Result<std::shared_ptr<table::QueryResult>> NeedQuery(const Request& request, Fields* fields) {
  const std::string name = fields->NeedText("name");
  ARROW_RETURN_NOT_OK(fields->Check());
  return request.queries->Find(request.caller, name);
}

Result<json> RunProgress(const Request& request, Fields* fields) {
  ARROW_ASSIGN_OR_RAISE(const auto query, NeedQuery(request, fields));
  const query::QueryProgress progress = query->progress();
  json answer = {{"rows", progress.rows},
                 {"bytes", progress.bytes},
                 {"rows_read", progress.rows_read},
                 {"bytes_read", progress.bytes_read}};
  if (progress.part >= 0) answer["part"] = progress.part;
  return answer;
}

Result<json> RunCancel(const Request& request, Fields* fields) {
  ARROW_ASSIGN_OR_RAISE(const auto query, NeedQuery(request, fields));
  query->Cancel();
  return json::object();
}

}  // namespace

std::vector<Action> QueryActions() {
  return {
      {"query.progress", "how far a query of yours is that was given a name: name", RunProgress},
      {"query.cancel", "end a query of yours that was given a name: name", RunCancel},
  };
}

}  // namespace firth::doors::flight
