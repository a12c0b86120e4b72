// Read plans: the files that hold what is asked for.
#include <arrow/scalar.h>

#include <algorithm>
#include <set>

#include "firth/common/checksum.h"
#include "firth/common/text.h"
#include "firth/doors/deltacat/errors.h"
#include "firth/doors/deltacat/names.h"
#include "firth/doors/deltacat/predicate.h"
#include "firth/doors/deltacat/service.h"
#include "firth/doors/deltacat/types.h"
#include "firth/doors/deltacat/versions.h"
#include "firth/table/deltas.h"
#include "firth/table/merged.h"

namespace firth::doors::deltacat {
namespace {

using catalog::FileInfo;
using catalog::FileLocation;
using table::Delta;
using table::DeltaFile;
using table::OverlaidTable;

/// Files of a plan can be read for this long.
constexpr int64_t kPlanNs = int64_t{3600} * 1'000'000'000;

/// Least and greatest as the client's statistics have them: dates and times as text.
json StatisticValue(const json& raw, const arrow::DataType& type) {
  std::shared_ptr<arrow::Scalar> scalar;
  switch (type.id()) {
    case arrow::Type::DATE32:
      scalar = std::make_shared<arrow::Date32Scalar>(raw.get<int32_t>());
      return scalar->ToString();
    case arrow::Type::DATE64:
    case arrow::Type::TIMESTAMP: {
      int64_t scale = 1'000'000;
      if (type.id() == arrow::Type::TIMESTAMP) {
        static constexpr int64_t kNs[] = {1'000'000'000, 1'000'000, 1'000, 1};
        scale = kNs[static_cast<int>(static_cast<const arrow::TimestampType&>(type).unit())];
      }
      int64_t ns = 0;
      if (__builtin_mul_overflow(raw.get<int64_t>(), scale, &ns)) return nullptr;
      return FormatTimeNs(ns);
    }
    default:
      return raw;
  }
}

json ColumnStatistics(const FileInfo& file, const arrow::Schema& schema) {
  json all = json::object();
  if (file.statistics.empty()) return all;
  const json known = json::parse(file.statistics, nullptr, /*allow_exceptions=*/false);
  for (const auto& [name, column] : known.items()) {
    json one = {{"null_count", column.value("n", int64_t{0})}};
    const auto field = schema.GetFieldByName(name);
    if (field != nullptr && column.contains("min")) {
      json least = StatisticValue(column["min"], *field->type());
      json greatest = StatisticValue(column["max"], *field->type());
      if (!least.is_null() && !greatest.is_null()) {
        one["min"] = std::move(least);
        one["max"] = std::move(greatest);
      }
    }
    all[name] = std::move(one);
  }
  return all;
}

/// One file of the plan, with the delta that it is of.
struct PlannedFile {
  size_t delta;
  const DeltaFile* file;
};

/// 32 hex digits over the set of files.
std::string SnapshotId(const std::vector<PlannedFile>& files) {
  std::set<int64_t> ids;
  for (const PlannedFile& planned : files) ids.insert(planned.file->file.id.value);
  std::string all;
  for (const int64_t id : ids) AppendLe<int64_t>(&all, id);
  std::string digest;
  AppendBe<uint64_t>(&digest, Hash64(AsBytes(all)));
  AppendBe<uint64_t>(&digest, Hash64(AsBytes(all), 1));
  return ToHex(digest);
}

Result<std::vector<std::string>> ColumnsOf(const Call& call, const arrow::Schema& schema) {
  std::vector<std::string> columns;
  const auto text = call.Query("columns");
  if (!text.has_value()) return columns;
  const json list = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (list.is_null()) return columns;
  if (!list.is_array()) return Refuse("invalid_request", "'columns' is a JSON list");
  for (const json& one : list) {
    if (!one.is_string()) return Refuse("invalid_request", "'columns' is a JSON list of names");
    columns.push_back(one.get<std::string>());
    if (schema.GetFieldIndex(columns.back()) < 0) {
      return Refuse("unknown_column",
                    "the table has no column '" + columns.back().substr(0, 64) + "'");
    }
  }
  return columns;
}

}  // namespace

Result<std::vector<Delta>> Service::DeltasOf(const Call& call, const OverlaidTable& table,
                                             CommitId at, bool only_parquet) {
  std::vector<Delta> deltas;
  const auto& edition = *table.edition;
  if (!edition.spec.key.empty() && (table.emptied || !table.added.empty())) {
    Delta delta{.position = static_cast<int64_t>(table.added.size()) + 1};
    ARROW_ASSIGN_OR_RAISE(const auto file, table::CutMerged(database_, call.caller, table, at));
    delta.files.push_back({.file = file, .schema_id = edition.newest().id, .rewritten = true});
    return std::vector<Delta>{std::move(delta)};
  }
  if (table.base != nullptr && edition.id.value != 0) {
    auto base = table.base;
    if (base->current->newest().id != edition.newest().id) {
      // The steps of a transaction gave it a newer schema.
      auto newer = std::make_shared<catalog::TableInfo>(*base);
      newer->current = edition;
      base = std::move(newer);
    }
    ARROW_ASSIGN_OR_RAISE(
        deltas, database_->ListDeltas(
                    call.caller, base,
                    {.as_of = at, .only_parquet = only_parquet, .rewrite_older_text = true}));
  }
  int64_t position = deltas.empty() ? 0 : deltas.back().position;
  for (const auto& added : table.added) {
    Delta delta{.position = ++position, .ordered = added.set.ordered};
    for (const auto& taken : added.set.files) {
      DeltaFile file{.file = taken.info, .schema_id = added.schema_id};
      const bool older = added.schema_id != edition.newest().id;
      if (taken.info.format != "parquet" && (only_parquet || older)) {
        ARROW_ASSIGN_OR_RAISE(
            file.file, database_->RewriteFile(taken, edition.FindSchema(added.schema_id)->schema,
                                              edition.newest().schema));
        file.schema_id = edition.newest().id;
      }
      delta.files.push_back(std::move(file));
    }
    deltas.push_back(std::move(delta));
  }
  return deltas;
}

Result<json> Service::FileJson(const DeltaFile& file, const arrow::Schema& schema,
                               bool statistics) {
  const FileInfo& info = file.file;
  const FileLocation& where = info.locations.front();
  json one = {{"id", std::to_string(info.id.value)},
              {"path", where.root.empty() ? Absolute(where.path) : where.path},
              {"record_count", info.rows},
              {"content_length", info.bytes},
              {"content_type", info.format},
              {"content_encoding", info.encoding},
              {"schema_id", file.schema_id.value}};
  if (statistics) one["column_stats"] = ColumnStatistics(info, schema);
  return one;
}

Result<Answer> Service::Plan(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Path path, TablePath(call.names[0], call.names[1]));
  ARROW_RETURN_NOT_OK(CheckRead(call, path));
  ARROW_ASSIGN_OR_RAISE(auto view, PlanViewOf(call, path));
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, NeedTable(call, &view, path));
  ARROW_ASSIGN_OR_RAISE(const auto other, OtherVersion(call, *table, view.at()));
  if (other != nullptr) table = other.get();
  ARROW_ASSIGN_OR_RAISE(const bool statistics, call.QueryBool("include_column_stats", false));
  ARROW_ASSIGN_OR_RAISE(const bool with_files, call.QueryBool("include_files", true));
  ARROW_ASSIGN_OR_RAISE(const auto offset_given, call.QueryInt("file_offset"));
  ARROW_ASSIGN_OR_RAISE(const auto limit, call.QueryInt("max_files"));
  const int64_t offset = offset_given.value_or(0);
  if (offset < 0 || limit.value_or(0) < 0) {
    return Refuse("invalid_request", "file_offset and max_files are not negative");
  }
  const int64_t now_ns = database_->clock().NowNs();
  json body = {{"namespace", call.names[0]},
               {"table", call.names[1]},
               {"table_version", CurrentVersion(*table)},
               {"content_type", "parquet"},
               {"requires_mor", false},
               {"merge_keys", json::array()},
               {"partition_scheme", nullptr},
               {"sort_scheme", nullptr},
               {"schema", json::array()},
               {"schema_serialized", nullptr},
               {"scan_tasks", json::array()},
               {"total_files", 0},
               {"total_records", 0},
               {"total_bytes", 0},
               {"returned_files", 0},
               {"truncated", false},
               {"snapshot_id", nullptr},
               {"credentials", nullptr},
               {"preferred_root_used", false},
               {"data_roots", {{"default", {{"root", root_}, {"storage_type", "local"}}}}},
               {"expires_at", now_ns + kPlanNs}};
  ARROW_ASSIGN_OR_RAISE(const auto transaction, TransactionOf(call));
  if (transaction.has_value()) {
    body["transaction_id"] = transaction->id;
    if (transaction->version >= 0) body["transaction_version_seen"] = transaction->version;
  }
  if (!table->edition.has_value()) return Answer{.body = std::move(body)};
  const auto& edition = *table->edition;
  const arrow::Schema& schema = *edition.newest().schema;
  ARROW_ASSIGN_OR_RAISE(const auto texts, schemas_.Of(edition.newest().schema, edition.spec));
  body["schema"] = texts->fields;
  body["schema_serialized"] = texts->serialized;
  body["merge_keys"] = edition.spec.key;
  ARROW_RETURN_NOT_OK(ColumnsOf(call, schema).status());
  std::optional<Predicate> filter;
  if (const auto text = call.Query("filter_predicate"); text.has_value()) {
    ARROW_ASSIGN_OR_RAISE(filter, Predicate::Parse(*text, schema));
  }
  // The client cannot filter text and Arrow files: it gets Parquet then.
  ARROW_ASSIGN_OR_RAISE(const auto deltas, DeltasOf(call, *table, view.at(), filter.has_value()));
  std::vector<PlannedFile> files;
  for (size_t i = 0; i < deltas.size(); ++i) {
    for (const DeltaFile& file : deltas[i].files) {
      if (file.file.rows == 0) continue;
      if (filter.has_value() && !filter->MayKeep(file.file.statistics, file.file.rows)) continue;
      files.push_back({.delta = i, .file = &file});
    }
  }
  int64_t rows = 0;
  uint64_t bytes = 0;
  std::set<std::string> formats;
  for (const PlannedFile& planned : files) {
    database_->file_store()->Keep(planned.file->file.id);
    rows += planned.file->file.rows;
    bytes += planned.file->file.bytes;
    formats.insert(planned.file->file.format);
  }
  body["total_files"] = files.size();
  body["total_records"] = rows;
  body["total_bytes"] = bytes;
  if (!formats.empty()) body["content_type"] = formats.size() == 1 ? *formats.begin() : "mixed";
  if (!files.empty() || !with_files) body["snapshot_id"] = SnapshotId(files);
  if (!with_files) return Answer{.body = std::move(body)};

  const auto count = static_cast<int64_t>(files.size());
  const int64_t begin = std::min(offset, count);
  const int64_t end = limit.has_value() ? std::min(count, begin + *limit) : count;
  std::set<int32_t> schemas;
  size_t last_delta = deltas.size();
  for (int64_t i = begin; i < end; ++i) {
    const PlannedFile& planned = files[static_cast<size_t>(i)];
    if (planned.delta != last_delta) {
      last_delta = planned.delta;
      const Delta& delta = deltas[last_delta];
      const bool keyed = !edition.spec.key.empty();
      json task = {{"delta_type", keyed           ? "upsert"
                                  : delta.ordered ? "append"
                                                  : "add"},
                   {"stream_position", delta.position},
                   {"stream_id", "stream-" + std::to_string(edition.id.value)},
                   {"partition_id", "partition-" + std::to_string(edition.id.value)},
                   {"files", json::array()}};
      if (last_delta > 0) task["previous_stream_position"] = deltas[last_delta - 1].position;
      body["scan_tasks"].push_back(std::move(task));
    }
    ARROW_ASSIGN_OR_RAISE(json file, FileJson(*planned.file, schema, statistics));
    body["scan_tasks"].back()["files"].push_back(std::move(file));
    schemas.insert(planned.file->schema_id.value);
  }
  body["returned_files"] = end - begin;
  body["truncated"] = end < count;
  if (end < count) body["next_file_offset"] = end;
  json by_id = json::object();
  for (const int32_t id : schemas) {
    const auto* known = edition.FindSchema(SchemaId(id));
    if (known == nullptr) continue;
    ARROW_ASSIGN_OR_RAISE(by_id[std::to_string(id)], SerializedSchema(*known->schema));
  }
  body["schemas_serialized_by_id"] = std::move(by_id);
  return Answer{.body = std::move(body)};
}

Result<table::Overlay> Service::PlanViewOf(const Call& call, const Path& path) {
  ARROW_ASSIGN_OR_RAISE(const auto as_of, call.QueryInt("as_of"));
  if (!as_of.has_value()) return ViewOf(call);
  // The table that has this name now, as it stood then, whatever it was called.
  ARROW_ASSIGN_OR_RAISE(const auto now, database_->catalog()->GetTable(path));
  ARROW_ASSIGN_OR_RAISE(const CommitId at, database_->CommitAt(*as_of));
  ARROW_ASSIGN_OR_RAISE(const auto then, database_->catalog()->GetTable(now->id, at));
  table::Overlay view(database_->catalog(), at);
  if (then->path != path) {
    ARROW_RETURN_NOT_OK(
        view.Apply({.kind = table::Step::Kind::kRenameTable, .path = then->path, .to = path}));
  }
  return view;
}

}  // namespace firth::doors::deltacat
