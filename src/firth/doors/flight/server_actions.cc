// Actions on the server as a whole.
#include <vector>

#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/fields.h"
#include "firth/doors/flight/version.h"
#include "firth/table/backup.h"
#include "firth/table/retention.h"

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

Result<json> RunBackup(const Request& request, Fields* fields) {
  const std::string folder = fields->NeedText("folder");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(request.database->access()->Check(request.caller, access::kAdmin, Path{}));
  if (!folder.starts_with('/')) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName,
                 "`folder` is a path of the server's machine that begins with `/`");
  }
  ARROW_ASSIGN_OR_RAISE(const table::BackupReport report, table::BackUp(request.database, folder));
  return json{{"folder", folder},
              {"commit", report.commit.value},
              {"files", report.files},
              {"bytes", report.bytes}};
}

Result<json> RunCheck(const Request& request, Fields* fields) {
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(request.database->access()->Check(request.caller, access::kAdmin, Path{}));
  ARROW_ASSIGN_OR_RAISE(const table::CheckReport report, table::CheckStore(request.database));
  return json{{"last_commit", report.last_commit.value},
              {"tables", report.tables},
              {"logs", report.logs},
              {"log_files", report.log_files},
              {"commits", report.commits},
              {"entries", report.entries},
              {"bytes", report.bytes},
              {"catalog_pages", report.catalog_pages},
              {"lake_files", report.lake_files},
              {"files", report.files}};
}

Result<json> RunTrim(const Request& request, Fields* fields) {
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(request.database->access()->Check(request.caller, access::kAdmin, Path{}));
  ARROW_RETURN_NOT_OK(request.database->retention()->RunOnce());
  return json{{"journal_files", request.database->LogMetrics().journal_files}};
}

}  // namespace

std::vector<Action> ServerActions() {
  return {
      {"version", "the server's version and last commit", RunVersion},
      {"metrics", "what the log has done since the start", RunMetrics},
      {"backup", "copy the store, at one commit, to a new folder of the server's machine: folder",
       RunBackup},
      {"check", "read and verify every byte of the store", RunCheck},
      {"trim", "trim logs and rewrite journal files now, not when it is time", RunTrim},
  };
}

}  // namespace firth::doors::flight
