#include "firth/table/column_fold.h"

#include <arrow/array.h>
#include <arrow/compute/cast.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <unordered_map>

#include "firth/schema/key.h"
#include "firth/table/column_series.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

constexpr size_t kKeptMax = 4;

/// The texts of these columns' values, column by column; null is the empty text.
Result<std::vector<std::shared_ptr<arrow::StringArray>>> TextsOf(
    const arrow::RecordBatch& rows, const std::vector<std::string>& columns) {
  std::vector<std::shared_ptr<arrow::StringArray>> texts;
  for (const std::string& name : columns) {
    ARROW_ASSIGN_OR_RAISE(const auto text,
                          arrow::compute::Cast(*rows.GetColumnByName(name), arrow::utf8()));
    texts.push_back(std::static_pointer_cast<arrow::StringArray>(text));
  }
  return texts;
}

std::string_view TextAt(const arrow::StringArray& texts, int64_t row) {
  return texts.IsNull(row) ? std::string_view() : texts.GetView(row);
}

class Ranges : public timeview::RangeCursor {
 public:
  explicit Ranges(std::vector<timeview::TimeRange> ranges) : ranges_(std::move(ranges)) {}
  Status Next(size_t rows_max, std::vector<timeview::TimeRange>* batch) override {
    batch->clear();
    while (next_ < ranges_.size() && batch->size() < rows_max) batch->push_back(ranges_[next_++]);
    return Status::OK();
  }

 private:
  const std::vector<timeview::TimeRange> ranges_;
  size_t next_ = 0;
};

Status NoRevision(int64_t revision, int64_t latest) {
  return Error(Code::kNotFound, Reason::kVersionNotFound,
               "there is no version " + std::to_string(revision) + "; the latest is " +
                   std::to_string(latest));
}

}  // namespace

Result<std::vector<SeriesKey>> ColumnFold::KeysOf(const TablePtr& table) {
  const EditionInfo& edition = *table->current;
  ARROW_ASSIGN_OR_RAISE(const auto commits, CommitsOf(*table));
  const CommitId last = commits.empty() ? CommitId(0) : commits.back();
  {
    std::lock_guard lock(mutex_);
    const auto kept = keys_.find(edition.id);
    if (kept != keys_.end() && kept->second.commit == last) return kept->second.keys;
  }
  SeriesKeys found;
  ARROW_ASSIGN_OR_RAISE(
      const auto scanner,
      database_->Scan(access::Internal(),
                      {.table = table, .columns = edition.spec.series_by, .as_of = last}));
  while (last > CommitId(0)) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, scanner->Next());
    if (!batch.has_value()) break;
    ARROW_ASSIGN_OR_RAISE(const auto texts, TextsOf(*batch->rows, edition.spec.series_by));
    std::string encoded;
    for (int64_t i = 0; i < batch->rows->num_rows(); ++i) {
      encoded.clear();
      for (const auto& text : texts) SeriesKeys::Encode(TextAt(*text, i), &encoded);
      ARROW_RETURN_NOT_OK(found.NumberOf(encoded).status());
    }
  }
  std::vector<SeriesKey> keys;
  for (const std::string& encoded : found.encoded()) {
    ARROW_ASSIGN_OR_RAISE(keys.emplace_back(), SeriesKeys::Decode(encoded));
  }
  std::sort(keys.begin(), keys.end());
  std::lock_guard lock(mutex_);
  keys_[edition.id] = {.commit = last, .keys = keys};
  return keys;
}

Result<std::vector<CommitId>> ColumnFold::CommitsOf(const TableInfo& table) {
  std::set<CommitId> commits;
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        database_->catalog()->ListPartitions(table.current->id));
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      ARROW_ASSIGN_OR_RAISE(const auto entries,
                            database_->log()->List(partition.LogOf(b), CommitId(0), catalog::kNow));
      for (const log::EntryFacts& facts : entries) {
        if (facts.rows > 0) commits.insert(facts.commit);
      }
    }
  }
  return std::vector<CommitId>(commits.begin(), commits.end());
}

Result<int64_t> ColumnFold::LatestRevision(const ColumnSeries& series) {
  ARROW_ASSIGN_OR_RAISE(const auto commits, CommitsOf(*series.table));
  return timeview::kEmptyRevision + static_cast<int64_t>(commits.size());
}

Result<ColumnFold::PointsPtr> ColumnFold::Read(const ColumnSeries& series, CommitId last) {
  const EditionInfo& edition = *series.table->current;
  const EditionSpec& spec = edition.spec;
  std::vector<std::string> columns = {series.column};
  const auto add = [&](const std::string& name) {
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
  };
  if (!spec.time_column.empty()) add(spec.time_column);
  for (const std::string& name : spec.series_by) add(name);
  std::vector<std::shared_ptr<arrow::DataType>> key_types;
  for (const std::string& name : spec.key) {
    add(name);
    key_types.push_back(edition.newest().schema->GetFieldByName(name)->type());
  }
  ARROW_ASSIGN_OR_RAISE(const auto encoder, schema::KeyEncoder::Make(key_types));
  ARROW_ASSIGN_OR_RAISE(
      const auto scanner,
      database_->Scan(access::Internal(),
                      {.table = series.table, .columns = columns, .as_of = last}));
  std::unordered_map<std::string, timeview::Point> current;  // by key
  int64_t count = 0;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, scanner->Next());
    if (!batch.has_value()) break;
    const arrow::RecordBatch& rows = *batch->rows;
    if ((count += rows.num_rows()) > kRowsMax) {
      return Error(Code::kResourceExhausted, Reason::kOverBudget,
                   "the log has more than " + std::to_string(kRowsMax) +
                       " rows: too many to make series of a table with a key whose log does not "
                       "tell what was there before, or whose rows have no time");
    }
    ARROW_ASSIGN_OR_RAISE(
        const auto values,
        arrow::compute::Cast(*rows.GetColumnByName(series.column), arrow::float64(),
                             arrow::compute::CastOptions::Unsafe()));
    const auto& numbers = static_cast<const arrow::DoubleArray&>(*values);
    std::vector<std::optional<int64_t>> times(static_cast<size_t>(rows.num_rows()),
                                              batch->commit_time_ns);
    if (!spec.time_column.empty()) {
      ARROW_ASSIGN_OR_RAISE(times, TimesOfPoints(*rows.GetColumnByName(spec.time_column)));
    }
    ARROW_ASSIGN_OR_RAISE(const auto texts, TextsOf(rows, spec.series_by));
    arrow::ArrayVector key_columns;
    for (const auto& name : spec.key) key_columns.push_back(rows.GetColumnByName(name));
    std::vector<std::string> keys;
    ARROW_RETURN_NOT_OK(encoder.Encode(key_columns, &keys));
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      const auto place = static_cast<size_t>(i);
      const log::Change change =
          batch->changes.empty() ? log::Change::kInsert : batch->changes[place];
      if (change == log::Change::kAppend) continue;  // it did not become current
      bool ours = true;
      for (size_t c = 0; c < texts.size(); ++c) ours &= TextAt(*texts[c], i) == series.key[c];
      const double value = numbers.IsNull(i) ? NAN : numbers.Value(i);
      // A row that moved to another series, or went, has left this one.
      const bool gone = change == log::Change::kDelete || change == log::Change::kUpdateBefore;
      if (!ours || gone || !times[place].has_value() || !IsPointTime(*times[place]) ||
          !std::isfinite(value)) {
        current.erase(keys[place]);
      } else {
        current[keys[place]] = {.time = *times[place], .value = value};
      }
    }
  }
  auto points = std::make_shared<timeview::PointBatch>();
  for (const auto& [key, point] : current) {
    points->times.push_back(point.time);
    points->values.push_back(point.value);
  }
  return points;
}

Result<ColumnFold::Current> ColumnFold::CurrentOf(const ColumnSeries& series) {
  ARROW_ASSIGN_OR_RAISE(const auto commits, CommitsOf(*series.table));
  Current current{.revision = timeview::kEmptyRevision + static_cast<int64_t>(commits.size())};
  if (commits.empty()) {
    current.points = std::make_shared<timeview::PointBatch>();
    return current;
  }
  {
    std::lock_guard lock(mutex_);
    for (auto at = kept_.begin(); at != kept_.end(); ++at) {
      if (at->id != series.info->id || at->commit != commits.back()) continue;
      kept_.splice(kept_.begin(), kept_, at);
      current.points = at->points;
      return current;
    }
  }
  ARROW_ASSIGN_OR_RAISE(current.points, Read(series, commits.back()));
  std::lock_guard lock(mutex_);
  kept_.remove_if([&](const Kept& kept) { return kept.id == series.info->id; });
  kept_.push_front({.id = series.info->id, .commit = commits.back(), .points = current.points});
  if (kept_.size() > kKeptMax) kept_.pop_back();
  return current;
}

Result<Snapshot> ColumnFold::Pin(const ColumnSeries& series, const Snapshot& empty,
                                 int64_t revision) {
  ARROW_ASSIGN_OR_RAISE(const Current current, CurrentOf(series));
  if (revision == timeview::kEmptyRevision) return empty;
  if (revision != timeview::kLatestRevision && revision != current.revision) {
    return NoRevision(revision, current.revision);
  }
  std::vector<timeview::Edit> edits;
  for (int64_t r = timeview::kEmptyRevision + 1; r <= current.revision; ++r) {
    timeview::Edit& edit = edits.emplace_back();
    edit.series = series.info->id;
    edit.revision = r;
    edit.commit = CommitId(r);
  }
  if (edits.empty()) return empty;
  edits.back().times = current.points->times;
  edits.back().values = current.points->values;
  return empty.With(edits);
}

Result<std::unique_ptr<timeview::RangeCursor>> ColumnFold::Changes(const ColumnSeries& series,
                                                                   int64_t from, int64_t to,
                                                                   int resolution) {
  ARROW_ASSIGN_OR_RAISE(const Current current, CurrentOf(series));
  if (to == timeview::kLatestRevision) to = current.revision;
  if (to > current.revision || from > current.revision) {
    return NoRevision(std::max(from, to), current.revision);
  }
  if (resolution < 0 || resolution > 63 || from > to) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "a resolution is 0 to 63, and the first version not above the second");
  }
  const int64_t width = int64_t{1} << std::min(resolution, 62);
  std::set<int64_t> starts;
  if (from < to && to == current.revision) {
    for (const int64_t time : current.points->times) starts.insert(time & ~(width - 1));
  }
  std::vector<timeview::TimeRange> ranges;
  for (const int64_t start : starts) {
    if (!ranges.empty() && ranges.back().end == start) {
      ranges.back().end += width;
    } else {
      ranges.push_back({.start = start, .end = start + width});
    }
  }
  return std::make_unique<Ranges>(std::move(ranges));
}

}  // namespace firth::table
