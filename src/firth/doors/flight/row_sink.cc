#include "firth/doors/flight/row_sink.h"

#include <arrow/util/byte_size.h>

#include <utility>

#include "firth/doors/flight/definition.h"
#include "firth/doors/flight/fields.h"
#include "firth/doors/flight/plain_rows.h"

namespace firth::doors::flight {
namespace {

constexpr int64_t kJoinedRowsMax = 64 * 1024;

Result<table::TablePtr> FindOrCreate(const Request& request, const PutTarget& target,
                                     const std::shared_ptr<arrow::Schema>& schema) {
  auto found = request.database->GetTable(request.caller, target.path);
  if (found.ok() || !target.create || ReasonOf(found.status()) != Reason::kTableNotFound) {
    return found;
  }
  table::TableSpec definition = *target.create;
  if (definition.schema == nullptr) definition.schema = schema;
  auto created = request.database->CreateTable(request.caller, target.path, definition);
  if (ReasonOf(created.status()) != Reason::kTableExists) return created;
  return request.database->GetTable(request.caller, target.path);  // another was faster
}

/// Small batches side by side joined, so that each makes one entry of a good size.
Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Joined(
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> joined;
  for (auto first = rows.begin(); first != rows.end();) {
    int64_t count = (*first)->num_rows();
    auto last = first + 1;
    while (last != rows.end() && count + (*last)->num_rows() <= kJoinedRowsMax) {
      count += (*last++)->num_rows();
    }
    if (last - first == 1) {
      joined.push_back(*first);
    } else {
      ARROW_ASSIGN_OR_RAISE(joined.emplace_back(), arrow::ConcatenateRecordBatches({first, last}));
    }
    first = last;
  }
  return joined;
}

}  // namespace

Result<PutTarget> PutTarget::FromJson(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(const nlohmann::json json, ParseJson(text, "the command"));
  Fields fields(json, "the command");
  PutTarget target;
  target.path = fields.NeedPath("path");
  target.deletes = fields.Flag("delete", false);
  if (fields.Flag("create", false)) target.create = ReadDefinition(&fields);
  ARROW_RETURN_NOT_OK(fields.Check());
  return target;
}

std::string PutAnswer::ToJson() const {
  return nlohmann::json{{"rows", rows}, {"commit", commit.value}}.dump();
}

RowSink::RowSink(const Request& request, table::TablePtr table, bool deletes,
                 std::shared_ptr<arrow::Schema> schema)
    : request_(request), table_(std::move(table)), deletes_(deletes), schema_(std::move(schema)) {}

Result<std::unique_ptr<RowSink>> RowSink::Open(const Request& request, const PutTarget& target,
                                               const arrow::Schema& schema) {
  auto plain = PlainSchema(schema);
  ARROW_ASSIGN_OR_RAISE(auto table, FindOrCreate(request, target, plain));
  return std::unique_ptr<RowSink>(
      new RowSink(request, std::move(table), target.deletes, std::move(plain)));
}

Status RowSink::Write(const std::shared_ptr<arrow::RecordBatch>& rows) {
  ARROW_ASSIGN_OR_RAISE(auto plain, PlainRows(rows, schema_));
  if (plain->num_rows() == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, arrow::util::ReferencedBufferSize(*plain));
  bytes_ += bytes;
  rows_.push_back(std::move(plain));
  return Status::OK();
}

Result<CommitId> RowSink::Commit() {
  table::Database& database = *request_.database;
  ARROW_ASSIGN_OR_RAISE(const auto rows, Joined(rows_));
  if (deletes_) return database.DeleteRows(request_.caller, table_, rows);
  const bool keyed = table_->current && !table_->current->spec.key.empty();
  return keyed ? database.UpsertRows(request_.caller, table_, rows)
               : database.AppendRows(request_.caller, table_, rows, {});
}

Result<PutAnswer> RowSink::Flush() {
  PutAnswer answer;
  if (rows_.empty()) {
    answer.commit = request_.database->LastCommit();
    return answer;
  }
  for (const auto& rows : rows_) answer.rows += rows->num_rows();
  ARROW_ASSIGN_OR_RAISE(answer.commit, Commit());
  rows_.clear();
  bytes_ = 0;
  return answer;
}

}  // namespace firth::doors::flight
