// Putting a table back to what it was, and writes that are staged by hand.
#include "firth/doors/deltacat/errors.h"
#include "firth/doors/deltacat/names.h"
#include "firth/doors/deltacat/service.h"
#include "firth/doors/deltacat/session.h"
#include "firth/doors/deltacat/versions.h"
#include "firth/table/merged.h"

namespace firth::doors::deltacat {

using table::OverlaidTable;
using table::Step;

Result<Answer> Service::RollbackTable(const Call& call) {
  Step step{.kind = Step::Kind::kReplace};
  ARROW_ASSIGN_OR_RAISE(step.path, TablePath(call.names[0], call.names[1]));
  ARROW_RETURN_NOT_OK(CheckWrite(call, step.path));
  ARROW_ASSIGN_OR_RAISE(const auto as_of, call.Int("as_of"));
  if (!as_of.has_value()) return Refuse("invalid_request", "'as_of' is missing");
  ARROW_ASSIGN_OR_RAISE(auto first, FirstAnswer(call));
  if (first.has_value()) return *std::move(first);
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, NeedTable(call, &view, step.path));
  ARROW_RETURN_NOT_OK(CheckVersion(*table, call.Query("table_version")));
  Answer answer{.body = {{"table", call.names[1]}, {"as_of", *as_of}, {"rolled_back", true}}};
  if (table->base == nullptr) {
    return Error(Code::kNotFound, Reason::kTableNotFound, "the table was not there at that time");
  }
  ARROW_ASSIGN_OR_RAISE(const CommitId at, database_->CommitAt(*as_of));
  ARROW_ASSIGN_OR_RAISE(const auto then, database_->catalog()->GetTable(table->base->id, at));
  if (!table->edition.has_value()) return answer;  // it never had anything
  if (then->current.has_value()) {
    ARROW_ASSIGN_OR_RAISE(step.files, table::FilesAsOf(database_, call.caller, then, at));
  }
  ARROW_RETURN_NOT_OK(CompleteReplacement(*table, &step));
  return Change(call, {step}, std::move(answer));
}

Status Service::CompleteReplacement(const OverlaidTable& table, Step* step) {
  // What is replaced in a table with keys is a change of its rows, not a new edition.
  if (!table.edition->spec.key.empty()) return Status::OK();
  return AddReplacedEdition(database_->catalog(), table, step);
}

Result<Answer> Service::StageWrite(const Call& call) {
  Call open = call;
  open.query.erase("operation_id");
  open.body = {{"mode", call.Query("mode").value_or("auto")},
               {"format", call.Query("content_type").value_or("parquet")},
               {"allow_external_entries", true}};
  if (const auto version = call.Query("table_version")) open.body["table_version"] = *version;
  if (const auto root = call.Query("data_root_name")) open.body["root"] = *root;
  ARROW_ASSIGN_OR_RAISE(const Answer opened, OpenSession(open));
  json body = {{"validation_token", opened.body.at("session_id")},
               {"content_type", opened.body.at("format")},
               {"partition_id", "default"},
               {"data_root_name", "default"},
               {"data_root_info", {{"root", root_}, {"storage_type", "local"}}},
               {"available_data_roots", opened.body.at("available_roots")}};
  for (const char* same :
       {"namespace", "table", "mode", "data_dir", "table_exists", "merge_keys", "schema",
        "schema_evolution_mode", "schema_consistency_type", "credentials"}) {
    body[same] = opened.body.at(same);
  }
  return Answer{.body = std::move(body)};
}

Result<Answer> Service::CommitWrite(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const auto token, call.Text("validation_token"));
  std::string session = token.value_or("");
  if (token.has_value()) {
    ARROW_ASSIGN_OR_RAISE(const Session staged, LoadSession(session));
    if (staged.record.value("namespace", "") != call.names[0] ||
        staged.record.value("table", "") != call.names[1]) {
      return Refuse("invalid_request", "the token is that of a write to another table");
    }
  } else {
    // A session that is opened and committed at once, over files that lie anywhere.
    Call open = call;
    open.query.erase("operation_id");
    open.body = {{"mode", call.Query("mode").value_or("auto")},
                 {"format", call.Query("content_type").value_or("parquet")},
                 {"allow_external_entries", true}};
    ARROW_ASSIGN_OR_RAISE(const Answer opened, OpenSession(open));
    session = opened.body.value("session_id", "");
  }
  Call commit = call;
  commit.names = {session};
  commit.body = {{"session_version", 1},
                 {"operation_id", "commit"},
                 {"entries", call.body.value("manifest_entries", json())}};
  ARROW_ASSIGN_OR_RAISE(const Answer done, CommitSession(commit));
  return Answer{.body = {{"committed", true},
                         {"namespace", call.names[0]},
                         {"table", call.names[1]},
                         {"deltas_written", done.body.value("deltas_written", 0)},
                         {"files_registered", done.body.value("files_registered", 0)},
                         {"total_records", done.body.value("total_records", int64_t{0})}}};
}

}  // namespace firth::doors::deltacat
