// Actions on the server as a whole.
#include <vector>

#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/fields.h"
#include "firth/doors/flight/version.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

Result<json> RunVersion(const Request& request, Fields* fields) {
  ARROW_RETURN_NOT_OK(fields->Check());
  return json{{"version", kVersion}, {"last_commit", request.database->LastCommit().value}};
}

Result<json> RunMetrics(const Request& request, Fields* fields) {
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(request.database->access()->Check(request.caller, access::kAdmin, Path{}));
  const log::Metrics metrics = request.database->LogMetrics();
  return json{{"commits", metrics.commits},     {"groups", metrics.groups},
              {"syncs", metrics.syncs},         {"entries", metrics.entries},
              {"bytes", metrics.bytes},         {"queue_bytes", metrics.queue_bytes},
              {"followers", metrics.followers}, {"journal_files", metrics.journal_files}};
}

}  // namespace

std::vector<Action> ServerActions() {
  return {
      {"version", "the server's version and last commit", RunVersion},
      {"metrics", "what the log has done since the start", RunMetrics},
  };
}

}  // namespace firth::doors::flight
