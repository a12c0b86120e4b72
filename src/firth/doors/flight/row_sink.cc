#include "firth/doors/flight/row_sink.h"

#include <arrow/util/byte_size.h>

#include <algorithm>
#include <utility>

#include "firth/doors/flight/definition.h"
#include "firth/doors/flight/fields.h"
#include "firth/doors/flight/plain_rows.h"

namespace firth::doors::flight {
namespace {

using Rows = std::vector<std::shared_ptr<arrow::RecordBatch>>;

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
Result<Rows> Joined(const Rows& rows) {
  Rows joined;
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

Result<PutAnswer> CommitRows(const Request& request, const table::TablePtr& table, bool deletes,
                             const Rows& rows) {
  ARROW_ASSIGN_OR_RAISE(const Rows joined, Joined(rows));
  table::Database& database = *request.database;
  const bool keyed = table->current && !table->current->spec.key.empty();
  auto commit = deletes ? database.DeleteRows(request.caller, table, joined)
                : keyed ? database.UpsertRows(request.caller, table, joined)
                        : database.AppendRows(request.caller, table, joined, {});
  PutAnswer answer;
  ARROW_ASSIGN_OR_RAISE(answer.commit, std::move(commit));
  for (const auto& batch : rows) answer.rows += batch->num_rows();
  return answer;
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
                 std::shared_ptr<arrow::Schema> schema, OnAnswer on_answer)
    : request_(request),
      table_(std::move(table)),
      deletes_(deletes),
      schema_(std::move(schema)),
      on_answer_(std::move(on_answer)) {}

RowSink::~RowSink() {
  if (committer_.joinable()) committer_.join();
}

Result<std::unique_ptr<RowSink>> RowSink::Open(const Request& request, const PutTarget& target,
                                               const arrow::Schema& schema, OnAnswer on_answer) {
  auto plain = PlainSchema(schema);
  ARROW_ASSIGN_OR_RAISE(auto table, FindOrCreate(request, target, plain));
  return std::unique_ptr<RowSink>(new RowSink(request, std::move(table), target.deletes,
                                              std::move(plain), std::move(on_answer)));
}

Status RowSink::Write(const std::shared_ptr<arrow::RecordBatch>& rows) {
  ARROW_ASSIGN_OR_RAISE(const auto plain, PlainRows(rows, schema_));
  if (plain->num_rows() == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, arrow::util::ReferencedBufferSize(*plain));
  // A batch that is larger than a commit is cut into even pieces.
  const int64_t pieces = std::max<int64_t>(1, (bytes + kCommitBytesMax - 1) / kCommitBytesMax);
  const int64_t step = (plain->num_rows() + pieces - 1) / pieces;
  std::unique_lock lock(mutex_);
  for (int64_t at = 0; at < plain->num_rows(); at += step) {
    if (!rows_.empty() && bytes_ + bytes / pieces > kCommitBytesMax) {
      asked_ = true;
      Begin();
      changed_.wait(lock, [this] { return !committing_ || rows_.empty(); });
    }
    ARROW_RETURN_NOT_OK(failed_);
    rows_.push_back(plain->Slice(at, step));
    bytes_ += bytes / pieces;
  }
  return Status::OK();
}

Status RowSink::Commit() {
  std::lock_guard lock(mutex_);
  if (!rows_.empty()) {
    asked_ = true;
    Begin();
  }
  return failed_;
}

Status RowSink::Flush() {
  ARROW_RETURN_NOT_OK(Commit());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !committing_; });
  return failed_;
}

void RowSink::Begin() {
  if (committing_ || rows_.empty() || !failed_.ok()) return;
  if (committer_.joinable()) committer_.join();  // it has nothing left to do
  committing_ = true;
  asked_ = true;
  committer_ = std::thread([this] { MakeCommits(); });
}

void RowSink::MakeCommits() {
  std::unique_lock lock(mutex_);
  while (failed_.ok() && asked_) {
    const Rows rows = std::exchange(rows_, {});
    bytes_ = 0;
    asked_ = false;
    changed_.notify_all();
    lock.unlock();
    const auto answer = CommitRows(request_, table_, deletes_, rows);
    if (answer.ok()) on_answer_(*answer);
    lock.lock();
    if (!answer.ok()) failed_ = answer.status();
  }
  committing_ = false;
  changed_.notify_all();
}

}  // namespace firth::doors::flight
