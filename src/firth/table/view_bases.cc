// What views keep durably, so that they can be lost and logs be trimmed.
#include "firth/table/database_impl.h"

namespace firth::table {

CommitId DatabaseImpl::BaseOf(const EditionInfo& edition) const {
  if (HoldsSeries(edition)) return series_->BaseCommit();
  const CommitId columns = series_->column_feed()->BaseOf(edition);
  if (edition.spec.key.empty()) return columns;
  return std::min(columns, key_bases_->commit());
}

Status DatabaseImpl::CheckViewRoom() const {
  // What the view holds in memory must find room on the disk at any time, else it could not go on.
  if (options_.key_view_folder.empty()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const uint64_t free, options_.files->FreeBytes());
  if (free >= options_.key_room_bytes + options_.key_memory_bytes) return Status::OK();
  const uint64_t needed = options_.key_room_bytes + key_view_->UnwrittenBytes();
  if (free >= needed) return Status::OK();
  return Error(Code::kResourceExhausted, Reason::kDiskFull,
               "the disk is full: what keyed tables work with needs " +
                   std::to_string(needed >> 20) + " MiB, and " + std::to_string(free >> 20) +
                   " MiB are free");
}

Status DatabaseImpl::CutBases() {
  ARROW_RETURN_NOT_OK(CutKeyBase());
  return series_->CutBase();
}

Status DatabaseImpl::CutKeyBase() {
  ARROW_RETURN_NOT_OK(CheckViewRoom());
  return key_bases_->Cut(key_view_.get());
}

void DatabaseImpl::DropFromViews(const std::vector<log::CatalogCommit>& commits) {
  std::vector<LogId> logs;
  for (const log::CatalogCommit& commit : commits) {
    for (const log::ClosedLogs& closed : commit.closed) {
      if (!closed.dropped) continue;
      for (int64_t i = 0; i < closed.count; ++i) logs.emplace_back(closed.first.value + i);
    }
  }
  if (logs.empty()) return;
  // Behind the changes that are on their way to the view.
  in_work_.Begin();
  apply_strand_.Post([this, logs = std::move(logs)] {
    for (const LogId log : logs) {
      const Status dropped = key_view_->Drop(log);
      if (!dropped.ok() && options_.on_fatal != nullptr) options_.on_fatal(dropped);
    }
    in_work_.End();
  });
}

Result<ViewStats> DatabaseImpl::GetKeyStats(const Caller& caller, const TableInfo& table) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kSee, table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, KeyedEdition(table));
  ARROW_ASSIGN_OR_RAISE(const auto logs, CurrentLogs(*edition));
  return KeyViewStats(logs);
}

ViewStats DatabaseImpl::KeyViewStats(const std::vector<LogId>& logs) {
  ViewStats stats{.watermark = key_view_->watermark(), .base = key_bases_->commit()};
  {
    std::lock_guard lock(keyed_mutex_);
    stats.lag_bytes = keyed_accepted_bytes_;
  }
  for (const LogId log : logs) {
    const keyview::LogSize size = key_view_->Measure(log);
    stats.rows += static_cast<int64_t>(size.rows);
    stats.rows_exact &= size.exact;
    stats.bytes += size.bytes;
  }
  return stats;
}

}  // namespace firth::table
