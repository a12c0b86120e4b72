// Write sessions: a folder that the client writes files into, and the commit that makes them part
// of a table. A session is a small durable record; its commit changes the record together with the
// table, so that a repeat finds the first answer.
#include <algorithm>
#include <set>

#include "firth/common/checksum.h"
#include "firth/common/random.h"
#include "firth/common/text.h"
#include "firth/doors/deltacat/entries.h"
#include "firth/doors/deltacat/errors.h"
#include "firth/doors/deltacat/names.h"
#include "firth/doors/deltacat/properties.h"
#include "firth/doors/deltacat/service.h"
#include "firth/doors/deltacat/session.h"
#include "firth/doors/deltacat/types.h"
#include "firth/doors/deltacat/versions.h"
#include "firth/doors/deltacat/write_steps.h"
#include "firth/table/transactions.h"

namespace firth::doors::deltacat {
namespace {

using table::OverlaidTable;
using table::Step;

constexpr int kAttemptsMax = 8;
constexpr int64_t kRecordsARound = 10'000;

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// What a client is told of a table that it is about to write to.
Status AddTableFacts(const OverlaidTable* table, SchemaTextCache* schemas, json* answer) {
  json& body = *answer;
  body["table_exists"] = table != nullptr;
  body["schema"] = json::array();
  body["schema_serialized"] = nullptr;
  body["merge_keys"] = nullptr;
  const catalog::Attributes none;
  const auto& attributes = table == nullptr ? none : table->attributes;
  body["schema_evolution_mode"] = PropertyText(attributes, "schema_evolution_mode", "auto");
  body["schema_consistency_type"] =
      PropertyText(attributes, "default_schema_consistency_type", "none");
  if (table == nullptr) {
    body["table_version"] = "1";
    return Status::OK();
  }
  body["table_version"] = CurrentVersion(*table);
  if (!table->edition.has_value()) return Status::OK();
  const auto& edition = *table->edition;
  ARROW_ASSIGN_OR_RAISE(const auto texts, schemas->Of(edition.newest().schema, edition.spec));
  body["schema"] = texts->fields;
  body["schema_serialized"] = texts->serialized;
  if (!edition.spec.key.empty()) body["merge_keys"] = edition.spec.key;
  return Status::OK();
}

}  // namespace

Result<Session> Service::LoadSession(const std::string& id) {
  if (id.size() == kSessionIdBytes) {
    ARROW_ASSIGN_OR_RAISE(const auto text, database_->catalog()->GetValue(SessionName(id)));
    if (text.has_value()) {
      Session session{.text = *text,
                      .record = json::parse(*text, nullptr, /*allow_exceptions=*/false)};
      if (session.record.is_object()) return session;
    }
  }
  return Refuse("write_session_not_found", "there is no write session '" + id.substr(0, 64) + "'");
}

Result<Session> Service::NeedSession(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(Session session, LoadSession(call.names[0]));
  ARROW_ASSIGN_OR_RAISE(const Path path,
                        TablePath(session.record.at("namespace"), session.record.at("table")));
  ARROW_RETURN_NOT_OK(CheckWrite(call, path));
  if (session.status() == "OPEN" &&
      session.record.value("expires_at", int64_t{0}) < database_->clock().NowNs()) {
    ARROW_RETURN_NOT_OK(EndSession(&session, "EXPIRED"));
  }
  return session;
}

Status Service::EndSession(Session* session, const std::string& status) {
  json record = session->record;
  record["status"] = status;
  const std::string text = Dump(record);
  ARROW_RETURN_NOT_OK(database_->catalog()->ChangeValues(
      {{.name = SessionName(session->id()),
        .value = text,
        .compare = true,
        .expected = session->text},
       table::FileStore::KeepUpload(session->id(), database_->clock().NowNs())}));
  session->record = std::move(record);
  session->text = text;
  return Status::OK();
}

Result<Answer> Service::SessionAnswer(const Call& call, const Session& session) {
  json body = session.record;
  for (const char* hidden :
       {"columns", "schema_request", "external", "operation", "owner", "new_version"}) {
    body.erase(hidden);
  }
  body["session_id"] = session.id();
  if (session.status() == "ATTACHED") {
    ARROW_ASSIGN_OR_RAISE(body["status"],
                          AttachedState(call, session.record.value("transaction_id", "")));
  }
  body["data_dir"] = Absolute(table::FileStore::UploadFolder(session.id()));
  body["root"] = root_;
  body["catalog"] = kCatalog;
  body["credentials"] = nullptr;
  body["available_roots"] = {{"default", {{"root", root_}, {"storage_type", "local"}}}};
  body["partition_scheme"] = nullptr;
  body["sort_scheme"] = nullptr;
  body["target_records_per_file"] = nullptr;
  ARROW_ASSIGN_OR_RAISE(auto view, SessionViewOf(call, session));
  ARROW_ASSIGN_OR_RAISE(const Path path,
                        TablePath(session.record.at("namespace"), session.record.at("table")));
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, view.Find(path));
  const std::string new_version = session.record.value("new_version", "");
  if (table != nullptr && !new_version.empty() && session.record.value("mode", "") == "create") {
    // Another version begins without a schema.
    ARROW_RETURN_NOT_OK(AddTableFacts(nullptr, &schemas_, &body));
    body["table_exists"] = true;
    body["table_version"] = new_version;
    return Answer{.body = std::move(body)};
  }
  ARROW_RETURN_NOT_OK(AddTableFacts(table, &schemas_, &body));
  return Answer{.body = std::move(body)};
}

Result<table::Overlay> Service::SessionViewOf(const Call& call, const Session& session) {
  const std::string transaction = session.record.value("transaction_id", "");
  if (transaction.empty()) return table::Overlay(database_->catalog(), catalog::kNow);
  ARROW_ASSIGN_OR_RAISE(const auto found, database_->transactions()->Get(call.caller, transaction));
  if (found.state == table::TransactionState::kRunning) {
    return database_->transactions()->View(found);
  }
  return table::Overlay(database_->catalog(), catalog::kNow);
}

Result<Answer> Service::OpenSession(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Path path, TablePath(call.names[0], call.names[1]));
  ARROW_RETURN_NOT_OK(CheckWrite(call, path));
  ARROW_ASSIGN_OR_RAISE(auto first, FirstAnswer(call));
  if (first.has_value()) return *std::move(first);
  ARROW_ASSIGN_OR_RAISE(const auto transaction, TransactionOf(call));
  ARROW_ASSIGN_OR_RAISE(const std::string mode_text, call.NeedText("mode"));
  ARROW_ASSIGN_OR_RAISE(const std::string format_text, call.NeedText("format"));
  ARROW_ASSIGN_OR_RAISE(const std::string format, FormatOf(format_text));
  ARROW_ASSIGN_OR_RAISE(const auto root, call.Text("root"));
  if (root.has_value() && *root != "default") {
    return Refuse("data_root_not_found", "there is no data root '" + root->substr(0, 64) + "'");
  }
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, view.Find(path));
  ARROW_ASSIGN_OR_RAISE(const auto version, call.Text("table_version"));
  const std::string mode = EnumText(mode_text);
  ARROW_RETURN_NOT_OK(CheckMode(mode, table, version));
  if (table != nullptr && mode != "create") ARROW_RETURN_NOT_OK(CheckVersion(*table, version));

  const int64_t now_ns = database_->clock().NowNs();
  ARROW_ASSIGN_OR_RAISE(const auto write_key, call.Text("write_key"));
  const std::string key_name =
      write_key.has_value() ? WriteKeyName(path, mode, format, *write_key) : std::string();
  if (write_key.has_value()) {
    ARROW_ASSIGN_OR_RAISE(const auto known, database_->catalog()->GetValue(key_name));
    if (known.has_value()) {
      const auto same = LoadSession(*known);
      if (same.ok() && same->status() == "OPEN" &&
          same->record.value("expires_at", int64_t{0}) >= now_ns) {
        return SessionAnswer(call, *same);
      }
    }
  }
  ARROW_ASSIGN_OR_RAISE(const bool external, call.Bool("allow_external_entries", false));
  ARROW_ASSIGN_OR_RAISE(const auto serialized, call.Text("schema_serialized"));
  // Text has no names: its columns are those that the client was told, then its new ones.
  std::vector<std::string> columns;
  std::set<std::string> known;
  if (table != nullptr && table->edition.has_value() && mode != "create") {
    columns = table->edition->newest().schema->field_names();
    known.insert(columns.begin(), columns.end());
  }
  if (serialized.has_value()) {
    ARROW_ASSIGN_OR_RAISE(const auto schema, ParseSerializedSchema(*serialized));
    for (const std::string& name : schema->field_names()) {
      if (!known.contains(name)) columns.push_back(name);
    }
  }
  const std::string id = ToHex(database_->random()->Uuid());
  Session session;
  session.record = {{"session_id", id},
                    {"session_version", 1},
                    {"status", "OPEN"},
                    {"namespace", call.names[0]},
                    {"table", call.names[1]},
                    {"mode", mode},
                    {"format", format},
                    {"new_version", version.value_or("")},
                    {"created_at", now_ns},
                    {"last_heartbeat_at", now_ns},
                    {"expires_at", now_ns + kSessionNs},
                    {"external", external},
                    {"columns", columns},
                    {"owner", call.caller.name}};
  if (serialized.has_value()) session.record["schema_request"] = *serialized;
  if (transaction.has_value()) {
    session.record["transaction_id"] = transaction->id;
    session.record["transaction_version"] = transaction->version + 1;
  }
  session.text = Dump(session.record);
  ARROW_RETURN_NOT_OK(database_->file_store()->MakeUpload(id));
  std::vector<catalog::ValueChange> values = {
      {.name = SessionName(id), .value = session.text},
      table::FileStore::KeepUpload(id, now_ns + kSessionNs)};
  if (write_key.has_value()) values.push_back({.name = key_name, .value = id});
  if (!transaction.has_value()) {
    ARROW_RETURN_NOT_OK(database_->catalog()->ChangeValues(values));
    return SessionAnswer(call, session);
  }
  ARROW_ASSIGN_OR_RAISE(const Answer answer, SessionAnswer(call, session));
  ARROW_ASSIGN_OR_RAISE(const auto remembered, RememberAnswer(call, answer));
  values.insert(values.end(), remembered.begin(), remembered.end());
  ARROW_RETURN_NOT_OK(AddToTransaction(call, *transaction, {}, values));
  return answer;
}

Status Service::ForgetOldRecords() {
  const int64_t before_ns = database_->clock().NowNs() - table::Transactions::kKeptNs;
  for (const auto& [prefix, when] :
       {std::pair{"deltacat/session/", "expires_at"}, std::pair{"deltacat/operation/", "at_ns"}}) {
    std::string end(prefix);
    end.back() = '0';  // the byte behind the slash
    for (std::string from(prefix); !from.empty();) {
      ARROW_ASSIGN_OR_RAISE(const auto records,
                            database_->catalog()->ScanValues(from, end, kRecordsARound));
      from.clear();
      for (const auto& [name, text] : records) {
        from = name + '\0';
        const json record = json::parse(text, nullptr, /*allow_exceptions=*/false);
        if (record.is_object() && record.value(when, before_ns) < before_ns) {
          ARROW_RETURN_NOT_OK(database_->catalog()->RemoveValue(name));
        }
      }
    }
  }
  return Status::OK();
}

Result<Answer> Service::GetSession(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Session session, NeedSession(call));
  return SessionAnswer(call, session);
}

Status Service::CheckOpen(const Call& call, const Session& session) {
  if (session.status() != "OPEN") {
    return Refuse("write_session_not_open",
                  "the write session is " + session.status() + ", not OPEN");
  }
  ARROW_ASSIGN_OR_RAISE(const auto version, call.Int("session_version"));
  if (!version.has_value()) return Refuse("invalid_request", "'session_version' is missing");
  const auto held = session.record.value("session_version", int64_t{1});
  if (*version == held) return Status::OK();
  return Refuse("write_session_version_mismatch",
                "the write session has version " + std::to_string(held));
}

Result<Answer> Service::HeartbeatSession(const Call& call) {
  for (int i = 0;; ++i) {
    ARROW_ASSIGN_OR_RAISE(Session session, NeedSession(call));
    ARROW_RETURN_NOT_OK(CheckOpen(call, session));
    const int64_t now_ns = database_->clock().NowNs();
    const std::string before = session.text;
    session.record["last_heartbeat_at"] = now_ns;
    session.record["expires_at"] = now_ns + kSessionNs;
    session.text = Dump(session.record);
    const Status changed = database_->catalog()->ChangeValues(
        {{.name = SessionName(session.id()),
          .value = session.text,
          .compare = true,
          .expected = before},
         table::FileStore::KeepUpload(session.id(), now_ns + kSessionNs)});
    if (changed.ok()) return SessionAnswer(call, session);
    if (ReasonOf(changed) != Reason::kConflict || i == kAttemptsMax) return changed;
  }
}

Result<Answer> Service::AbortSession(const Call& call) {
  for (int i = 0;; ++i) {
    ARROW_ASSIGN_OR_RAISE(Session session, NeedSession(call));
    ARROW_RETURN_NOT_OK(CheckOpen(call, session));
    const Status ended = EndSession(&session, "ABORTED");
    if (ended.ok()) return SessionAnswer(call, session);
    if (ReasonOf(ended) != Reason::kConflict || i == kAttemptsMax) return ended;
  }
}

Result<Answer> Service::CommitSession(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const std::string operation, call.NeedText("operation_id"));
  const std::string payload = std::to_string(
      Hash64(AsBytes(Dump(call.body.contains("entries") ? call.body["entries"] : json::array()))));
  Status last;
  for (int i = 0; i < kAttemptsMax; ++i) {
    ARROW_ASSIGN_OR_RAISE(Session session, NeedSession(call));
    if (session.record.contains("operation") &&
        session.record["operation"].value("id", "") == operation) {
      if (session.record["operation"].value("payload", "") != payload) {
        return Refuse("operation_payload_mismatch",
                      "the operation was made with other entries before");
      }
      return SessionAnswer(call, session);
    }
    ARROW_RETURN_NOT_OK(CheckOpen(call, session));
    ARROW_ASSIGN_OR_RAISE(const Path path,
                          TablePath(session.record.at("namespace"), session.record.at("table")));
    ARROW_ASSIGN_OR_RAISE(
        const auto entries,
        ParseEntries(call.body, {.store_root = root_,
                                 .folder = table::FileStore::UploadFolder(session.id()),
                                 .external = session.record.value("external", false),
                                 .folders = folders_,
                                 .format = session.record.value("format", "parquet")}));
    ARROW_ASSIGN_OR_RAISE(auto view, SessionViewOf(call, session));
    ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, view.Find(path));
    WriteRequest request{.path = path,
                         .mode = session.record.value("mode", "auto"),
                         .format = session.record.value("format", "parquet"),
                         .columns = session.record.value("columns", std::vector<std::string>()),
                         .entries = entries,
                         .upload = session.id()};
    const std::string new_version = session.record.value("new_version", "");
    if (!new_version.empty()) request.version = new_version;
    if (session.record.contains("schema_request")) {
      ARROW_ASSIGN_OR_RAISE(request.schema,
                            ParseSerializedSchema(session.record.value("schema_request", "")));
    }
    ARROW_ASSIGN_OR_RAISE(const auto write, MakeWriteSteps(database_, &view, table, request));
    const std::string transaction_id = session.record.value("transaction_id", "");
    session.record["status"] = transaction_id.empty() ? "COMMITTED" : "ATTACHED";
    session.record[transaction_id.empty() ? "committed" : "attached"] = true;
    session.record["session_version"] = session.record.value("session_version", int64_t{1}) + 1;
    session.record["operation"] = {{"id", operation}, {"payload", payload}};
    session.record["files_registered"] = write.files;
    session.record["total_records"] = write.rows;
    session.record["total_bytes"] = write.bytes;
    session.record["deltas_written"] = write.files > 0 ? 1 : 0;
    catalog::ValueChange record{
        .name = SessionName(session.id()), .compare = true, .expected = session.text};
    if (!transaction_id.empty()) {
      ARROW_ASSIGN_OR_RAISE(const auto version, call.Int("transaction_version"));
      session.record["transaction_version"] = version.value_or(-1) + 1;
      record.value = Dump(session.record);
      ARROW_RETURN_NOT_OK(AddToTransaction(
          call, {.id = transaction_id, .version = version.value_or(-1)}, write.steps, {record}));
      return SessionAnswer(call, session);
    }
    record.value = Dump(session.record);
    last = database_->ApplySteps(call.caller, write.steps, {.values = {record}}).status();
    if (last.ok()) return SessionAnswer(call, session);
    // Somebody else made the table, or changed this session: look again.
    const Reason reason = ReasonOf(last);
    if (reason != Reason::kConflict && reason != Reason::kTableExists &&
        reason != Reason::kNamespaceExists && reason != Reason::kEditionExists) {
      return last;
    }
    if (request.mode == "create") return last;
  }
  return last;
}

}  // namespace firth::doors::deltacat
