#include "firth/table/database.h"

#include <arrow/compute/initialize.h>

#include "firth/table/database_impl.h"
#include "firth/table/log_catalog.h"

namespace firth::table {

Result<std::unique_ptr<Database>> Database::Open(DatabaseOptions options) {
  auto database = std::make_unique<DatabaseImpl>(std::move(options));
  ARROW_RETURN_NOT_OK(database->Open());
  return std::unique_ptr<Database>(std::move(database));
}

Status DatabaseImpl::Open() {
  ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
  ARROW_ASSIGN_OR_RAISE(catalog_, catalog::Catalog::Open({.files = options_.files,
                                                          .clock = options_.clock,
                                                          .on_fatal = options_.on_fatal}));
  ARROW_ASSIGN_OR_RAISE(access_, access::Access::Open({.catalog = catalog_.get(),
                                                       .files = options_.files,
                                                       .random = options_.random,
                                                       .clock = options_.clock,
                                                       .anonymous_role = options_.anonymous_role}));
  log::LogOptions log;
  log.files = options_.files;
  log.clock = options_.clock;
  log.writer = options_.writer;
  log.notifier = options_.readers;
  log.file_bytes_max = options_.journal_file_bytes_max;
  log.file_entries_max = options_.journal_file_entries_max;
  log.recent_bytes = options_.journal_recent_bytes;
  log.queue_bytes_max = options_.queue_bytes_max;
  log.on_fatal = options_.on_fatal;
  ARROW_RETURN_NOT_OK(KeepLogInCatalog(catalog_.get(), &log));
  log.apply = [this, apply = std::move(log.apply)](std::vector<log::CatalogCommit>* commits) {
    const Status applied = apply(commits);
    definitions_.fetch_add(1);  // whether or not it succeeded
    if (applied.ok()) DropFromViews(*commits);
    return applied;
  };
  files_ = std::make_unique<FileStore>(options_.files, catalog_.get(), options_.clock);
  ARROW_RETURN_NOT_OK(files_->Open());
  ARROW_ASSIGN_OR_RAISE(log_, log::LogStore::Open(std::move(log)));
  keyed_buckets_ = std::make_unique<KeyedBuckets>(&deciders_, log_.get());
  ARROW_RETURN_NOT_OK(OpenKeyView());
  ARROW_RETURN_NOT_OK(ForgetOperations());
  series_ = std::make_unique<SeriesStoreImpl>(this, catalog_.get());
  ARROW_RETURN_NOT_OK(series_->Open(options_));
  query_engine_.SetLimits(options_.query);
  if (!options_.local_folder.empty()) {
    query_engine_.SetSpillFolder(options_.local_folder + "/spill");
  }
  lake_ = std::make_unique<LakeStoreImpl>(this);
  ARROW_RETURN_NOT_OK(lake_->Open(options_));
  lake_->Start();
  key_base_rounds_->Start();
  series_->Start();
  retention_ = std::make_unique<Retention>(this);
  retention_->Start(options_);
  return Status::OK();
}

LakeStore* DatabaseImpl::lake() {
  return lake_.get();
}

Retention* DatabaseImpl::retention() {
  return retention_.get();
}

DatabaseImpl::~DatabaseImpl() {
  static_cast<void>(Close());
}

Status DatabaseImpl::Close() {
  if (closed_.exchange(true) || log_ == nullptr) return Status::OK();
  if (retention_ != nullptr) retention_->Stop();
  if (lake_ != nullptr) lake_->Stop();
  if (key_base_rounds_ != nullptr) key_base_rounds_->Stop();
  if (options_.wait != nullptr) options_.wait([this] { return in_work_.Idle(); });
  in_work_.Wait();
  if (series_ != nullptr) series_->Stop();
  return log_->Close();
}

Result<log::CommitResult> DatabaseImpl::CommitAndWait(log::CommitDraft draft) {
  return Await<log::CommitResult>([&](std::function<void(const Result<log::CommitResult>&)> done) {
    log_->Commit(std::move(draft), std::move(done));
  });
}

void DatabaseImpl::CommitInOrder(log::CommitDraft draft,
                                 std::function<void(const Result<log::CommitResult>&)> done,
                                 std::function<void()> failed) {
  in_work_.Begin();
  log_->Commit(std::move(draft), [this, done = std::move(done), failed = std::move(failed)](
                                     const Result<log::CommitResult>& made) {
    if (!made.ok() && failed) failed();
    apply_strand_.Post([this, done, made] {
      done(made);
      in_work_.End();
    });
  });
}

Status DatabaseImpl::ChangeCatalog(std::function<Status(catalog::Changes*)> run) {
  log::CommitDraft draft;
  draft.catalog = std::make_shared<CatalogChange>(std::move(run));
  return CommitAndWait(std::move(draft)).status();
}

Result<CommitId> DatabaseImpl::CommitAt(int64_t time_ns) {
  ARROW_ASSIGN_OR_RAISE(const CommitId changed, catalog_->LastChangeAt(time_ns));
  ARROW_ASSIGN_OR_RAISE(const CommitId written, log_->LastCommitAt(time_ns));
  return std::max(changed, written);
}

Status DatabaseImpl::CheckRight(const Caller& caller, uint32_t rights, const TableInfo& table) {
  return access_->Check(caller, rights, table.path,
                        table.current.has_value() ? table.current->id : EditionId{0});
}

Result<const EditionInfo*> CurrentEdition(const TableInfo& table) {
  if (table.current.has_value()) return &*table.current;
  return Error(Code::kFailedPrecondition, Reason::kEditionNotFound,
               "table '" + table.path.ToString() + "' has no current edition");
}

Result<LogId> DatabaseImpl::LogOf(const TableInfo& table, BucketRef where) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  auto partition = catalog_->GetPartition(where.partition);
  if (!partition.ok() || partition->edition != edition->id || where.bucket < 0 ||
      where.bucket >= partition->bucket_count) {
    return Error(Code::kNotFound, Reason::kBucketNotFound,
                 "table '" + table.path.ToString() + "' has no bucket " +
                     std::to_string(where.bucket) + " in partition " +
                     std::to_string(where.partition.value));
  }
  return partition->LogOf(where.bucket);
}

}  // namespace firth::table
