#include "firth/doors/aws/ingest.h"

#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "firth/common/text.h"
#include "firth/doors/aws/object_file.h"
#include "firth/doors/aws/table_rows.h"
#include "firth/format/reader.h"

namespace firth::doors::aws {
namespace {

using catalog::ValueChange;

constexpr size_t kListStep = 1000;
constexpr size_t kFilesMax = 100'000;
/// Rows of one job are in memory at once, since they become visible in one commit.
constexpr int64_t kJobBytesMax = int64_t{1} << 30;

json Reasons(const std::vector<std::string>& reasons) {
  json list = json::array();
  for (const std::string& reason : reasons) list.push_back(TextItem(reason));
  return {{"L", list}};
}

void Append(std::vector<ValueChange>* to, std::vector<ValueChange> more) {
  for (ValueChange& change : more) to->push_back(std::move(change));
}

bool IsTaken(const std::string& key) {
  return key.ends_with(".parquet");
}

int64_t NowMs(table::Database* database) {
  return database->clock().NowNs() / 1'000'000;
}

/// Is the failure the message's own, so that trying again gives the same?
bool IsTransient(const Status& status) {
  const Code code = CodeOf(status);
  return code == Code::kUnavailable || code == Code::kCancelled ||
         ReasonOf(status) == Reason::kIo || ReasonOf(status) == Reason::kDiskFull;
}

/// Only the columns that the table has are read, and none of a file without rows matters.
Result<std::unique_ptr<format::FileReader>> OpenColumns(work::Objects* objects,
                                                        const work::ObjectInfo& file,
                                                        const arrow::Schema& schema) {
  format::ReadOptions options{.format = format::FileFormat::kParquet};
  const std::string name = file.container + "/" + file.key;
  ARROW_ASSIGN_OR_RAISE(auto all, format::OpenInput(OpenObject(objects, file), name, options));
  for (const auto& field : all->schema()->fields()) {
    if (schema.GetFieldIndex(field->name()) >= 0) options.columns.push_back(field->name());
  }
  const bool whole = static_cast<int>(options.columns.size()) == all->schema()->num_fields();
  if (whole || options.columns.empty()) return all;
  return format::OpenInput(OpenObject(objects, file), name, options);
}

}  // namespace

std::string Ingest::LaneOf(const work::Message& message) {
  const JobMessage job = ReadJobMessage(message.body, "", false);
  return job.table_id.empty() ? job.table_name : job.table_id;
}

Status Ingest::Run(const InstanceQueue& queue, const work::Message& message) {
  const bool bulk = queue.role == QueueRole::kBulkImport;
  JobMessage job = ReadJobMessage(message.body, message.id, bulk);
  JobRun run{.instance = queue.instance, .job_id = job.id, .run_id = message.id};
  auto table =
      FindTable(parts_.database, message.sender, queue.instance, job.table_name, job.table_id);
  if (table.ok()) {
    run.table_id = TableIdText((*table)->id);
  } else if (CodeOf(table.status()) == Code::kNotFound) {
    job.problems.emplace_back("Table not found");
  } else {
    job.problems.push_back(MessageOf(table.status()));
  }
  auto files = Expand(message, &job);
  ARROW_RETURN_NOT_OK(files.status());
  if (!job.problems.empty()) return Refuse(run, message, job);
  const json count = NumberItem(static_cast<int64_t>(files->size()));
  std::vector<ValueChange> started;
  if (bulk) {
    ARROW_ASSIGN_OR_RAISE(
        started, parts_.trackers->JobEvent(run, "validated",
                                           {{"ValidationTime", NumberItem(NowMs(parts_.database))},
                                            {"ValidationResult", TextItem("ACCEPTED")},
                                            {"InputFilesCount", count}}));
  }
  ARROW_ASSIGN_OR_RAISE(
      auto event, parts_.trackers->JobEvent(run, "started",
                                            {{"StartTime", NumberItem(NowMs(parts_.database))},
                                             {"InputFilesCount", count}}));
  Append(&started, std::move(event));
  ARROW_RETURN_NOT_OK(parts_.database->catalog()->ChangeValues(started));

  int64_t rows = 0;
  Status done;
  const auto& schema = (*table)->current.has_value() ? (*table)->current->newest().schema : nullptr;
  if (schema == nullptr) {
    done = Error(Code::kFailedPrecondition, Reason::kEditionNotFound, "the table has no edition");
  } else if (auto batches = ReadFiles(*files, schema, &rows); !batches.ok()) {
    done = batches.status();
  } else {
    done = Commit(run, message, *table, *batches, rows, files->size());
  }
  if (done.ok() || IsTransient(done)) return done;
  return Fail(run, message, done);
}

Status Ingest::Refuse(const JobRun& run, const work::Message& message, const JobMessage& job) {
  ARROW_ASSIGN_OR_RAISE(
      auto changes, parts_.trackers->JobEvent(
                        run, "validated",
                        {{"ValidationTime", NumberItem(NowMs(parts_.database))},
                         {"ValidationResult", TextItem("REJECTED")},
                         {"ValidationReasons", Reasons(job.problems)},
                         {"InputFilesCount", NumberItem(static_cast<int64_t>(job.files.size()))},
                         {"JsonMessage", TextItem(message.body)}}));
  ARROW_ASSIGN_OR_RAISE(changes.emplace_back(), parts_.queues->Removal(message));
  ARROW_RETURN_NOT_OK(parts_.database->catalog()->ChangeValues(changes));
  parts_.queues->Removed(message);
  return Status::OK();
}

Status Ingest::Fail(const JobRun& run, const work::Message& message, const Status& why) {
  ARROW_ASSIGN_OR_RAISE(
      auto changes,
      parts_.trackers->JobEvent(run, "failed",
                                {{"FinishTime", NumberItem(NowMs(parts_.database))},
                                 {"FailureReasons", Reasons({MessageOf(why).substr(0, 2048)})}}));
  ARROW_ASSIGN_OR_RAISE(changes.emplace_back(), parts_.queues->Removal(message));
  ARROW_RETURN_NOT_OK(parts_.database->catalog()->ChangeValues(changes));
  parts_.queues->Removed(message);
  return Status::OK();
}

/// The objects that the job's paths mean; a path that means none is a problem of the job.
Result<std::vector<work::ObjectInfo>> Ingest::Expand(const work::Message& message,
                                                     JobMessage* job) {
  std::vector<work::ObjectInfo> files;
  std::set<std::pair<std::string, std::string>> seen;
  std::string lost;
  const auto add = [&](work::ObjectInfo object) {
    if (seen.emplace(object.container, object.key).second) files.push_back(std::move(object));
  };
  for (const std::string& path : job->files) {
    if (path.ends_with(".crc")) continue;
    const ObjectPath target = ReadObjectPath(path);
    const size_t before = seen.size();
    bool found = false;
    const Status allowed = target.bucket.empty()
                               ? Status::OK()
                               : parts_.s3->Check(message.sender, access::kRead, target.bucket);
    if (!allowed.ok()) {
      job->problems.push_back(MessageOf(allowed));
      continue;
    }
    if (IsTaken(target.key)) {
      auto object = parts_.objects->Get(target.bucket, target.key);
      if (object.ok()) {
        add(std::move(*object));
        found = true;
      }
    }
    std::string below = target.key;
    if (!below.empty() && !below.ends_with('/')) below += '/';
    std::string from;
    while (files.size() < kFilesMax) {
      auto listed = parts_.objects->List(target.bucket, below, from, kListStep);
      if (!listed.ok() || listed->empty()) break;
      from = listed->back().key + '\0';
      for (auto& object : *listed) {
        if (!IsTaken(object.key)) continue;
        found = true;
        add(std::move(object));
      }
      if (listed->size() < kListStep) break;
    }
    if (!found && seen.size() == before) lost += (lost.empty() ? "" : ", ") + path;
  }
  if (!lost.empty()) job->problems.push_back("Could not find one or more paths: " + lost);
  if (files.size() >= kFilesMax) {
    job->problems.push_back(fmt::format("a job has fewer than {} files", kFilesMax));
  }
  return files;
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Ingest::ReadFiles(
    const std::vector<work::ObjectInfo>& files, const std::shared_ptr<arrow::Schema>& schema,
    int64_t* rows) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  int64_t bytes = 0;
  for (const work::ObjectInfo& file : files) {
    const std::string name = file.container + "/" + file.key;
    const auto named = [&name](const Status& status) {
      const std::string message = MessageOf(status);
      return Error(CodeOf(status) == Code::kUnknown ? Code::kInvalidArgument : CodeOf(status),
                   ReasonOf(status), message.starts_with(name) ? message : name + ": " + message);
    };
    auto reader = OpenColumns(parts_.objects, file, *schema);
    if (!reader.ok()) return named(reader.status());
    while (true) {
      auto batch = (*reader)->Next();
      if (!batch.ok()) return named(batch.status());
      if (*batch == nullptr) break;
      if ((*batch)->num_rows() == 0) continue;
      auto fitted = FitFileRows(**batch, schema);
      if (!fitted.ok()) return named(fitted.status());
      bytes += arrow::util::TotalBufferSize(**fitted);
      if (bytes > kJobBytesMax) {
        return Error(Code::kResourceExhausted, Reason::kOverBudget,
                     "the rows of one job take more than 1 GiB: send its files in several jobs");
      }
      *rows += (*fitted)->num_rows();
      batches.push_back(std::move(*fitted));
    }
  }
  return batches;
}

Status Ingest::Commit(const JobRun& run, const work::Message& message, const table::TablePtr& table,
                      const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows, int64_t count,
                      size_t files) {
  const int64_t now_ms = NowMs(parts_.database);
  const json file_count = NumberItem(count == 0 ? 0 : static_cast<int64_t>(files));
  ARROW_ASSIGN_OR_RAISE(auto changes,
                        parts_.trackers->JobEvent(run, "addedFiles",
                                                  {{"FilesWrittenTime", NumberItem(now_ms)},
                                                   {"FilesWrittenCount", file_count}}));
  ARROW_ASSIGN_OR_RAISE(auto finished, parts_.trackers->JobEvent(
                                           run, "finished",
                                           {{"FinishTime", NumberItem(now_ms)},
                                            {"RowsRead", NumberItem(count)},
                                            {"RowsWritten", NumberItem(count)},
                                            {"FilesWrittenCount", file_count},
                                            {"JobCommittedWhenFilesAdded", json{{"BOOL", true}}}}));
  Append(&changes, std::move(finished));
  // The message goes with the commit, and the commit with the message: a second one finds it gone.
  ARROW_ASSIGN_OR_RAISE(changes.emplace_back(), parts_.queues->Removal(message));
  // Into a table with a key rows go one by one: the last one of a key stays.
  const bool keyed = !table->current->spec.key.empty();
  const auto kind = keyed ? table::TableWrite::Kind::kUpsert : table::TableWrite::Kind::kAppend;
  table::WriteOptions options{.values = std::move(changes)};
  ARROW_RETURN_NOT_OK(
      parts_.database
          ->Write(message.sender, {{.table = table, .kind = kind, .rows = rows}}, options)
          .status());
  parts_.queues->Removed(message);
  return Status::OK();
}

}  // namespace firth::doors::aws
