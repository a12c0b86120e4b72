// A collection of series as it stood at one commit. The time view knows revisions, the logs know
// which commit made them: the revision of a commit is the one before the first that a later commit
// made.
#include <algorithm>
#include <map>
#include <utility>

#include "firth/common/checksum.h"
#include "firth/log/side.h"
#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/series_store.h"

namespace firth::table {
namespace {

constexpr uint64_t kReadBytes = uint64_t{4} << 20;

Status NoLongerKnown(const Path& collection, CommitId commit) {
  return Error(Code::kOutOfRange, Reason::kVersionNotFound,
               "collection '" + collection.ToString() + "' cannot be read as of commit " +
                   std::to_string(commit.value) +
                   ": the logs of series no longer reach back to it");
}

/// Call `note` for each revision that an entry of a series' log made.
template <typename Note>
Status EachRevision(const log::StoredEntry& entry, Note&& note) {
  if (entry.kind == log::EntryKind::kMark) {
    ARROW_ASSIGN_OR_RAISE(const log::RemovedRange range,
                          log::ParseRemovedRange({reinterpret_cast<const char*>(entry.body->data()),
                                                  static_cast<size_t>(entry.body->size())}));
    note(SeriesId::From(range.series), range.revision);
    return Status::OK();
  }
  if (entry.kind != log::EntryKind::kRows || entry.rows == 0 || entry.side.empty()) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto runs, log::ParseInsertRuns(entry.side));
  for (const log::InsertRun& run : runs) note(SeriesId::From(run.series), run.revision);
  return Status::OK();
}

}  // namespace

Result<bool> SeriesStoreImpl::IsLogOfSeries(LogId log) {
  const auto partition = database_->catalog()->PartitionOfLog(log);
  if (!partition.ok()) return false;  // dropped
  ARROW_ASSIGN_OR_RAISE(const EditionInfo edition,
                        database_->catalog()->GetEdition(partition->edition));
  return HoldsSeries(edition);
}

Result<bool> SeriesStoreImpl::HasApplied(CommitId commit) {
  {
    std::lock_guard lock(mutex_);
    ARROW_RETURN_NOT_OK(broken_);
  }
  const CommitId applied = view_->watermark();
  if (applied >= commit) return true;
  ARROW_ASSIGN_OR_RAISE(const auto logs, database_->log()->LogsAfter(applied));
  for (const LogId log : logs) {
    ARROW_ASSIGN_OR_RAISE(const bool of_series, IsLogOfSeries(log));
    if (!of_series) continue;
    ARROW_ASSIGN_OR_RAISE(const auto entries, database_->log()->List(log, applied, commit));
    if (!entries.empty()) return false;
  }
  return true;
}

Status SeriesStoreImpl::CheckReaches(LogId log, const Path& collection, CommitId commit) {
  ARROW_ASSIGN_OR_RAISE(const log::LogRange range, database_->log()->Range(log));
  if (range.start == Offset(0) || range.last_commit <= commit) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto first,
                        database_->log()->Read(log, range.start, {.bytes_max = 1}));
  // What was trimmed is older than what stands first.
  if (!first.empty() && first.front().commit <= commit) return Status::OK();
  return NoLongerKnown(collection, commit);
}

Status SeriesStoreImpl::FindFirstAfter(const TablePtr& table, CommitId commit,
                                       std::map<SeriesId, CutSeries>* series) {
  // Only a series whose facts were changed may have been in another collection.
  const bool moved = std::any_of(series->begin(), series->end(), [](const auto& one) {
    return one.second.info->property_version > 1;
  });
  ARROW_ASSIGN_OR_RAISE(const LogId own, LogOfCollection(table->path));
  ARROW_RETURN_NOT_OK(CheckReaches(own, table->path, commit));
  ARROW_ASSIGN_OR_RAISE(const auto logs, database_->log()->LogsAfter(commit));
  for (const LogId log : logs) {
    if (log != own) {
      if (!moved) continue;
      ARROW_ASSIGN_OR_RAISE(const bool of_series, IsLogOfSeries(log));
      if (!of_series) continue;
      ARROW_RETURN_NOT_OK(CheckReaches(log, table->path, commit));
    }
    for (CommitId after = commit;;) {
      ARROW_ASSIGN_OR_RAISE(const auto entries,
                            database_->log()->ReadAfter(log, after, {.bytes_max = kReadBytes}));
      if (entries.empty()) break;
      after = entries.back().commit;
      for (const log::StoredEntry& entry : entries) {
        ARROW_RETURN_NOT_OK(EachRevision(entry, [&](const SeriesId& id, int64_t revision) {
          const auto found = series->find(id);
          if (found == series->end()) return;
          found->second.revision = std::min(found->second.revision, revision - 1);
        }));
      }
    }
  }
  return Status::OK();
}

Result<CollectionCut> SeriesStoreImpl::CutAt(const TablePtr& table, CommitId commit) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  if (!IsCollection(*edition)) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "'" + table->path.ToString() + "' is not a collection of series");
  }
  ARROW_RETURN_NOT_OK(database_->AwaitReady([this, commit] { return HasApplied(commit); },
                                            "the time view is behind; try again"));
  std::map<SeriesId, CutSeries> series;
  const auto add = [&](const SeriesPtr& one) -> Result<bool> {
    // Before the logs are asked: what is applied by now stands in them.
    ARROW_ASSIGN_OR_RAISE(const int64_t latest, view_->LatestRevision(one->id));
    series[one->id] = {.info = one, .revision = latest};
    return true;
  };
  ARROW_RETURN_NOT_OK(facts_.VisitCollection(table->path, add));
  ARROW_RETURN_NOT_OK(FindFirstAfter(table, commit, &series));
  CollectionCut cut;
  for (const auto& [id, one] : series) {
    auto snapshot = view_->Pin(id, one.revision);
    if (ReasonOf(snapshot.status()) == Reason::kVersionNotFound) {
      ARROW_ASSIGN_OR_RAISE(const SeriesPtr still, facts_.Find(id));
      if (still == nullptr) continue;  // it vanished since it was found
    }
    ARROW_RETURN_NOT_OK(snapshot.status());
    cut.sources.push_back({.series = one.info, .snapshot = *std::move(snapshot)});
  }
  std::sort(cut.sources.begin(), cut.sources.end(),
            [](const auto& a, const auto& b) { return a.series->id.view() < b.series->id.view(); });
  std::string state;
  for (const auto& [info, snapshot] : cut.sources) {
    state += std::string(info->id.view()) + std::to_string(info->property_version) + "." +
             std::to_string(snapshot.revision()) + ";";
  }
  const auto bytes = std::as_bytes(std::span(state.data(), state.size()));
  cut.state = std::to_string(Hash64(bytes)) + "-" + std::to_string(Hash64(bytes, 1));
  return cut;
}

Result<std::shared_ptr<arrow::RecordBatchReader>> SeriesStoreImpl::RowsOfCut(
    const EditionInfo& edition, const std::vector<std::string>& columns, const CollectionCut& cut,
    const schema::RowFilter& filter) {
  const arrow::Schema& full = *edition.newest().schema;
  ARROW_ASSIGN_OR_RAISE(const auto indices, schema::ColumnIndices(full, columns));
  arrow::FieldVector fields;
  for (const int i : indices) fields.push_back(full.field(i));
  std::vector<SeriesRowReader::Source> sources;
  const auto times = TimesOf(filter);
  for (const auto& source : cut.sources) {
    if (!times.has_value()) break;
    ARROW_ASSIGN_OR_RAISE(const bool may, MayMeet(*source.series, filter));
    if (may) sources.push_back(source);
  }
  return std::make_shared<SeriesRowReader>(arrow::schema(std::move(fields)), std::move(sources),
                                           times.value_or(PointTimes()));
}

Result<CollectionRows> SeriesStoreImpl::OpenRows(const access::Caller& caller,
                                                 const Path& collection,
                                                 const std::vector<std::string>& columns) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, database_->GetTable(caller, collection));
  ARROW_RETURN_NOT_OK(database_->access()->Check(caller, access::kRead, collection));
  ARROW_ASSIGN_OR_RAISE(CollectionCut cut, CutAt(table, database_->LastCommit()));
  ARROW_ASSIGN_OR_RAISE(auto rows, RowsOfCut(*table->current, columns, cut));
  return CollectionRows{.rows = std::move(rows), .state = std::move(cut.state)};
}

}  // namespace firth::table
