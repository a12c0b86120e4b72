#include "firth/table/retention.h"

#include <algorithm>
#include <map>
#include <set>

#include "firth/common/logging.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

bool HasLifetime(const catalog::Lifetime& lifetime) {
  return lifetime.duration_ns.has_value() || lifetime.bytes.has_value();
}

/// The first offset of a log that its lifetime keeps.
Result<Offset> KeptFrom(const log::LogStore& store, const catalog::Lifetime& lifetime, LogId log,
                        int64_t now_ns) {
  Offset from(0);
  if (lifetime.duration_ns.has_value()) {
    const int64_t oldest_ns = now_ns - std::min(now_ns, *lifetime.duration_ns);
    ARROW_ASSIGN_OR_RAISE(from, lifetime.by == catalog::LifetimeBy::kCommitTime
                                    ? store.OffsetAtTime(log, oldest_ns)
                                    : store.OffsetAtRecordTime(log, oldest_ns));
  }
  if (lifetime.bytes.has_value()) {
    ARROW_ASSIGN_OR_RAISE(
        const Offset fits,
        store.OffsetOfLastBytes(log, static_cast<uint64_t>(std::max<int64_t>(*lifetime.bytes, 0))));
    from = std::max(from, fits);
  }
  return from;
}

}  // namespace

Result<BucketRange> DatabaseImpl::RangeFor(const EditionInfo& edition, LogId log) {
  ARROW_ASSIGN_OR_RAISE(const log::LogRange range, log_->Range(log));
  BucketRange shown{.start = range.start, .end = range.end};
  const catalog::Lifetime& lifetime = edition.spec.log_lifetime;
  if (!HasLifetime(lifetime)) return shown;
  ARROW_ASSIGN_OR_RAISE(const Offset from, KeptFrom(*log_, lifetime, log, options_.clock->NowNs()));
  // Rows that came meanwhile are young enough.
  shown.start = std::clamp(from, shown.start, shown.end);
  return shown;
}

void Retention::Start(const DatabaseOptions& options) {
  if (options.retention_interval_ns <= 0) return;
  Executor* executor = options.background != nullptr ? options.background : options.readers;
  rounds_.Start(executor, options.clock, options.retention_interval_ns, [this] {
    if (const Status done = RunOnce(); !done.ok()) {
      logging::Warning("table", "logs are not trimmed: {}", MessageOf(done));
    }
  });
}

Status Retention::RunOnce() {
  ARROW_RETURN_NOT_OK(Trim());
  return Rewrite();
}

Status Retention::Rewrite() {
  return database_->log()->Rewrite();
}

Status Retention::Trim() {
  catalog::Catalog* catalog = database_->catalog();
  ARROW_ASSIGN_OR_RAISE(const auto tables, catalog->ListTables(Path{}));
  const int64_t now_ns = database_->clock().NowNs();
  for (const TablePtr& table : tables) {
    if (rounds_.IsStopped()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto editions, catalog->ListEditions(table->id));
    for (const EditionInfo& edition : editions) {
      if (!HasLifetime(edition.spec.log_lifetime)) continue;
      // Without a base, 0: views that can be lost need all of the log.
      const CommitId base = database_->BaseOf(edition);
      if (base == CommitId(0)) continue;
      const bool lake = (edition.spec.views & catalog::kLakeView) != 0;
      std::map<LogId, Offset> absorbed;
      if (lake) absorbed = database_->lake_store()->Absorbed(edition.id);
      ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog->ListPartitions(edition.id));
      std::vector<log::LogStore::Trim> trims;
      for (const PartitionInfo& partition : partitions) {
        for (int32_t b = 0; b < partition.bucket_count; ++b) {
          const LogId log = partition.LogOf(b);
          ARROW_ASSIGN_OR_RAISE(
              Offset to, KeptFrom(*database_->log(), edition.spec.log_lifetime, log, now_ns));
          if (base != CommitId(INT64_MAX)) {
            ARROW_ASSIGN_OR_RAISE(const Offset held,
                                  database_->log()->OffsetAfterCommit(log, base));
            to = std::min(to, held);
          }
          if (lake) to = std::min(to, absorbed.contains(log) ? absorbed.at(log) : Offset(0));
          if (to > Offset(0)) trims.push_back({.log = log, .to = to});
        }
      }
      if (!trims.empty()) ARROW_RETURN_NOT_OK(database_->log()->TrimLogs(trims));
    }
  }
  return Status::OK();
}

}  // namespace firth::table
