// Range scans in sort order: lake files and the ends of logs, merged.
#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/lakeview/row_order.h"
#include "firth/lakeview/sorted_merge.h"
#include "firth/lakeview/stored_types.h"
#include "firth/schema/schema.h"
#include "firth/schema/take_rows.h"
#include "firth/table/database_impl.h"
#include "firth/table/key_ranges.h"
#include "firth/table/lake_store.h"

namespace firth::table {
namespace {

using lakeview::RowOrder;
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;
using ReaderPtr = std::shared_ptr<arrow::RecordBatchReader>;

/// Ends of logs of more bytes are cut into files first; the others are sorted in memory.
constexpr uint64_t kTailBytesMax = uint64_t{32} << 20;
constexpr int64_t kBatchRows = 8192;
/// With more ranges than these, only their hull tells which row groups are read.
constexpr size_t kRangesForGroupsMax = 64;
constexpr size_t kPositionBytesMin = 24;

/// Where a row stands in a scan.
struct Position {
  CommitId as_of{0};
  LogId log;
  Offset offset;
  std::string key;
};

std::string Encode(const Position& position) {
  std::string text;
  for (const int64_t number : {position.as_of.value, position.log.value, position.offset.value}) {
    text.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return text + position.key;
}

Result<Position> ParsePosition(std::string_view text) {
  if (text.size() < kPositionBytesMin) {
    return Error(Code::kInvalidArgument, Reason::kNone, "this is no position of a range scan");
  }
  return Position{.as_of = CommitId(LoadLe<int64_t>(text.data())),
                  .log = LogId(LoadLe<int64_t>(text.data() + 8)),
                  .offset = Offset(LoadLe<int64_t>(text.data() + 16)),
                  .key = std::string(text.substr(kPositionBytesMin))};
}

/// What a scan takes of sorted rows. Immutable.
struct Wish {
  RowOrder order;  // of rows that begin with the sort columns
  std::vector<KeyRange> ranges;
  std::optional<Position> after;
  bool keyed = false;
  CommitId as_of{0};
  std::shared_ptr<arrow::Schema> plain;  // the table's columns: those that sort, then others
  std::shared_ptr<arrow::Schema> inner;  // those, __offset, __change, and the log's id

  bool Takes(const std::string& key) const {
    const auto above = std::upper_bound(
        ranges.begin(), ranges.end(), key,
        [](const std::string& k, const KeyRange& range) { return k < range.from; });
    if (above == ranges.begin()) return false;
    const KeyRange& range = *std::prev(above);
    return range.to.empty() || key < range.to;
  }
  bool IsBehind(const std::string& key, LogId log, int64_t offset) const {
    if (!after.has_value()) return true;
    const int compared = key.compare(after->key);
    if (compared != 0 || keyed) return compared > 0;
    return std::pair(log.value, offset) > std::pair(after->log.value, after->offset.value);
  }
};
using WishPtr = std::shared_ptr<const Wish>;

/// Rows of one log (plain columns, __offset, __change) that the scan takes, with the log's id.
Result<BatchPtr> Filter(const Wish& wish, LogId log, const arrow::RecordBatch& rows) {
  std::vector<std::string> keys;
  ARROW_RETURN_NOT_OK(wish.order.Keys(rows, &keys));
  const auto* offsets = rows.column_data(rows.num_columns() - 2)->GetValues<int64_t>(1);
  std::vector<int64_t> taken;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (wish.Takes(keys[i]) && wish.IsBehind(keys[i], log, offsets[i])) {
      taken.push_back(static_cast<int64_t>(i));
    }
  }
  auto columns = rows.columns();
  ARROW_ASSIGN_OR_RAISE(columns.emplace_back(),
                        arrow::MakeArrayFromScalar(arrow::Int64Scalar(log.value), rows.num_rows()));
  return schema::TakeRows(arrow::RecordBatch::Make(wish.inner, rows.num_rows(), std::move(columns)),
                          taken);
}

/// A file's rows that the scan takes.
class FilteredFile : public arrow::RecordBatchReader {
 public:
  FilteredFile(WishPtr wish, LogId log, ReaderPtr rows)
      : wish_(std::move(wish)), log_(log), rows_(std::move(rows)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return wish_->inner; }
  Status ReadNext(BatchPtr* rows) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(rows));
    if (*rows == nullptr) return Status::OK();
    return Filter(*wish_, log_, **rows).Value(rows);
  }

 private:
  const WishPtr wish_;
  const LogId log_;
  const ReaderPtr rows_;
};

/// The end of a log, sorted in memory.
Result<ReaderPtr> SortedTail(const WishPtr& wish, LogId log, Scanner* scanner) {
  std::vector<BatchPtr> batches;
  const int plain = wish->plain->num_fields();
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto scanned, scanner->Next());
    if (!scanned.has_value()) break;
    // Behind the table's columns: __bucket, __offset, __commit, __time, __change.
    std::vector<std::shared_ptr<arrow::Array>> columns(scanned->rows->columns().begin(),
                                                       scanned->rows->columns().begin() + plain);
    columns.push_back(scanned->rows->column(plain + 1));
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum change,
                          arrow::compute::Cast(scanned->rows->column(plain + 4), arrow::int32()));
    columns.push_back(change.make_array());
    auto fields = wish->inner->fields();
    fields.pop_back();
    const auto rows = arrow::RecordBatch::Make(arrow::schema(fields), scanned->rows->num_rows(),
                                               std::move(columns));
    ARROW_ASSIGN_OR_RAISE(batches.emplace_back(), Filter(*wish, log, *rows));
  }
  if (batches.empty()) return arrow::RecordBatchReader::Make({}, wish->inner);
  ARROW_ASSIGN_OR_RAISE(const BatchPtr all, arrow::ConcatenateRecordBatches(batches));
  std::vector<std::string> keys;
  ARROW_RETURN_NOT_OK(wish->order.Keys(*all, &keys));
  std::vector<int64_t> places(keys.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](int64_t a, int64_t b) {
    return keys[static_cast<size_t>(a)] < keys[static_cast<size_t>(b)];
  });
  ARROW_ASSIGN_OR_RAISE(const BatchPtr sorted, schema::TakeRows(all, places));
  return arrow::RecordBatchReader::Make({sorted}, wish->inner);
}

/// Of sorted effects, the last of each key, where it is a row.
class LastEffects : public arrow::RecordBatchReader {
 public:
  LastEffects(WishPtr wish, ReaderPtr rows) : wish_(std::move(wish)), rows_(std::move(rows)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return wish_->inner; }

  Status ReadNext(BatchPtr* rows) override {
    for (;;) {
      BatchPtr read;
      ARROW_RETURN_NOT_OK(rows_->ReadNext(&read));
      if (read == nullptr) {
        *rows = std::exchange(held_, nullptr);
        return Status::OK();
      }
      ARROW_ASSIGN_OR_RAISE(*rows, Fold(read));
      if ((*rows)->num_rows() > 0) return Status::OK();
    }
  }

 private:
  Result<BatchPtr> Fold(const BatchPtr& read) {
    std::vector<std::string> keys;
    ARROW_RETURN_NOT_OK(wish_->order.Keys(*read, &keys));
    const auto* changes = read->column_data(read->num_columns() - 2)->GetValues<int32_t>(1);
    BatchPtr first;  // of an earlier batch, the last effect of its key
    std::vector<int64_t> taken;
    int64_t last = -1;  // in this batch, of the key in work
    for (size_t i = 0; i < keys.size(); ++i) {
      if (!any_ || keys[i] != key_) {
        if (held_ != nullptr) first = std::exchange(held_, nullptr);
        if (last >= 0) taken.push_back(std::exchange(last, -1));
        key_ = keys[i];
        any_ = true;
      }
      const auto change = static_cast<log::Change>(changes[i]);
      if (change == log::Change::kInsert || change == log::Change::kUpdateAfter) {
        last = static_cast<int64_t>(i);
        held_ = nullptr;
      } else if (change == log::Change::kDelete) {
        last = -1;
        held_ = nullptr;
      }
    }
    if (last >= 0) held_ = read->Slice(last, 1);
    ARROW_ASSIGN_OR_RAISE(const BatchPtr picked, schema::TakeRows(read, taken));
    if (first == nullptr) return picked;
    return arrow::ConcatenateRecordBatches({first, picked});
  }

  const WishPtr wish_;
  const ReaderPtr rows_;
  BatchPtr held_;  // the last effect of key_, if it is a row and was read with an earlier batch
  std::string key_;
  bool any_ = false;
};

class RangeRows : public RangeScanner {
 public:
  RangeRows(WishPtr wish, std::shared_ptr<arrow::Schema> schema, std::vector<int> places,
            ReaderPtr rows, std::shared_ptr<const void> hold)
      : hold_(std::move(hold)),
        wish_(std::move(wish)),
        schema_(std::move(schema)),
        places_(std::move(places)),
        rows_(std::move(rows)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  CommitId as_of() const override { return wish_->as_of; }

  Result<BatchPtr> Next() override {
    do {
      ARROW_RETURN_NOT_OK(rows_->ReadNext(&last_));
      if (last_ == nullptr) return last_;
    } while (last_->num_rows() == 0);
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (const int place : places_) columns.push_back(last_->column(place));
    return arrow::RecordBatch::Make(schema_, last_->num_rows(), std::move(columns));
  }

  Result<std::string> PositionOf(int64_t row) const override {
    if (last_ == nullptr || row < 0 || row >= last_->num_rows()) {
      return Error(Code::kInvalidArgument, Reason::kNone, "the last batch has no such row");
    }
    std::vector<std::string> keys;
    ARROW_RETURN_NOT_OK(wish_->order.Keys(*last_->Slice(row, 1), &keys));
    const int end = last_->num_columns();
    const auto number = [&](int column) {
      return last_->column_data(column)->GetValues<int64_t>(1)[row];
    };
    return Encode({.as_of = wish_->as_of,
                   .log = LogId(number(end - 1)),
                   .offset = Offset(number(end - 3)),
                   .key = std::move(keys.front())});
  }

 private:
  const std::shared_ptr<const void> hold_;
  const WishPtr wish_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<int> places_;  // of the schema's columns, in the inner rows
  const ReaderPtr rows_;
  BatchPtr last_;
};

/// The columns of a scan, inside and out.
struct Columns {
  std::shared_ptr<arrow::Schema> plain;
  std::shared_ptr<arrow::Schema> inner;
  std::shared_ptr<arrow::Schema> shown;
  std::vector<int> places;
};

Result<Columns> ChooseColumns(const arrow::Schema& newest, const RowOrder& order,
                              const std::vector<std::string>& asked) {
  std::vector<int> wanted;
  if (asked.empty()) {
    wanted.resize(static_cast<size_t>(newest.num_fields()));
    std::iota(wanted.begin(), wanted.end(), 0);
  } else {
    ARROW_ASSIGN_OR_RAISE(wanted, schema::ColumnIndices(newest, asked));
  }
  std::vector<int> inside = order.columns();
  Columns columns;
  std::vector<std::shared_ptr<arrow::Field>> shown;
  for (const int column : wanted) {
    const auto found = std::find(inside.begin(), inside.end(), column);
    columns.places.push_back(static_cast<int>(found - inside.begin()));
    if (found == inside.end()) inside.push_back(column);
    shown.push_back(newest.field(column)->RemoveMetadata());
  }
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const int column : inside) fields.push_back(newest.field(column));
  columns.plain = arrow::schema(fields);
  columns.shown = arrow::schema(std::move(shown));
  fields.push_back(arrow::field(lakeview::kOffsetColumn, arrow::int64(), false));
  fields.push_back(arrow::field(lakeview::kChangeColumn, arrow::int32(), false));
  fields.push_back(arrow::field("__log", arrow::int64(), false));
  columns.inner = arrow::schema(std::move(fields));
  return columns;
}

/// The row groups of a file that a scan may take rows of.
std::vector<int> Groups(const Wish& wish, const lakeview::LakeFileInfo& info) {
  std::string_view least;
  if (wish.after.has_value()) least = wish.after->key;
  const auto groups_in = [&](const std::string& from, const std::string& to) {
    return GroupsIn(info, std::max<std::string_view>(from, least), to);
  };
  if (wish.ranges.empty()) return {};
  if (wish.ranges.size() > kRangesForGroupsMax) {
    return groups_in(wish.ranges.front().from, wish.ranges.back().to);
  }
  std::vector<int> all;
  for (const KeyRange& range : wish.ranges) {
    for (const int group : groups_in(range.from, range.to)) {
      if (all.empty() || group > all.back()) all.push_back(group);
    }
  }
  return all;
}

/// The keys of which a scan may take rows, as far as they tell pages from each other: of many
/// ranges only the hull.
lakeview::KeySpans Spans(const Wish& wish) {
  lakeview::KeySpans spans;
  const std::string_view least = wish.after.has_value() ? std::string_view(wish.after->key) : "";
  const auto add = [&](const std::string& from, const std::string& to) {
    spans.emplace_back(std::max<std::string_view>(from, least), to);
  };
  if (wish.ranges.size() > kRangesForGroupsMax) {
    add(wish.ranges.front().from, wish.ranges.back().to);
  } else {
    for (const KeyRange& range : wish.ranges) add(range.from, range.to);
  }
  // Where all rows are asked for there is nothing to tell.
  const bool all = spans.size() == 1 && spans.front().first.empty() && spans.front().second.empty();
  return all ? lakeview::KeySpans() : spans;
}

}  // namespace

std::vector<std::string> SortColumns(const TableInfo& table) {
  if (!table.current.has_value()) return {};
  return lakeview::SortColumns(table.current->spec);
}

Result<std::string> SortKey(const TableInfo& table,
                            const std::vector<std::shared_ptr<arrow::Scalar>>& values) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  ARROW_ASSIGN_OR_RAISE(const RowOrder order, RowOrder::Make(*edition));
  if (!order.sorts() || values.size() > order.columns().size()) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "table '" + table.path.ToString() + "' is sorted by " +
                     std::to_string(order.columns().size()) + " columns, not by " +
                     std::to_string(values.size()));
  }
  std::string key;
  ARROW_RETURN_NOT_OK(order.encoder().EncodeScalars(values, &key));
  return key;
}

Result<std::unique_ptr<RangeScanner>> LakeStoreImpl::ScanRange(const Caller& caller,
                                                               const RangeScanRequest& request) {
  const TablePtr& table = request.table;
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kRead, *table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  ARROW_ASSIGN_OR_RAISE(const RowOrder order, RowOrder::Make(*edition));
  if (!order.sorts()) {
    return Error(
        Code::kFailedPrecondition, Reason::kNone,
        "table '" + table->path.ToString() + "' has no key and no order to read ranges in");
  }
  ARROW_ASSIGN_OR_RAISE(const Columns columns,
                        ChooseColumns(*edition->newest().schema, order, request.columns));
  auto made = std::make_shared<Wish>(Wish{.order = order.OverSortColumns(),
                                          .ranges = request.ranges.empty()
                                                        ? std::vector<KeyRange>{KeyRange{}}
                                                        : Disjoint(request.ranges),
                                          .keyed = !edition->spec.key.empty(),
                                          .as_of = std::min(request.as_of, database_->LastCommit()),
                                          .plain = columns.plain,
                                          .inner = columns.inner});
  if (!request.after.empty()) {
    ARROW_ASSIGN_OR_RAISE(made->after, ParsePosition(request.after));
    made->as_of = std::min(made->after->as_of, database_->LastCommit());
  }
  const WishPtr wish = made;
  ARROW_ASSIGN_OR_RAISE(auto snapshot, Pin(table));
  NoteAsked(edition->id);
  ARROW_ASSIGN_OR_RAISE(auto tails, TailsOf(*edition, snapshot.get(), wish->as_of));
  if (BytesOf(tails) > kTailBytesMax) {
    ARROW_RETURN_NOT_OK(CutEdition(table).status());
    ARROW_ASSIGN_OR_RAISE(snapshot, Pin(table));
    ARROW_ASSIGN_OR_RAISE(tails, TailsOf(*edition, snapshot.get(), wish->as_of));
  }
  // Ties go by log and then offset: readers in that order, a log's end behind its files.
  std::vector<std::pair<LogId, ReaderPtr>> readers;
  auto stored = wish->inner->fields();
  stored.pop_back();
  ARROW_ASSIGN_OR_RAISE(const auto files, FilesOf(*edition, snapshot.get()));
  for (const auto& file : files) {
    if (file->info.first_commit > wish->as_of) continue;
    FilePart part{.groups = Groups(*wish, file->info),
                  .keys = Spans(*wish),
                  .sorted_by = wish->plain->field(0)};
    if (part.groups.empty()) continue;
    ARROW_ASSIGN_OR_RAISE(
        auto rows, OpenFile(*edition, file, arrow::schema(stored), wish->as_of, std::move(part)));
    readers.emplace_back(file->info.log,
                         std::make_shared<FilteredFile>(wish, file->info.log, std::move(rows)));
  }
  for (const LogTail& tail : tails) {
    ARROW_ASSIGN_OR_RAISE(
        const auto scanner,
        database_->Scan(access::Internal(), {.table = table,
                                             .columns = wish->plain->field_names(),
                                             .partition = tail.where.partition,
                                             .bucket = tail.where.bucket,
                                             .from = tail.from,
                                             .as_of = wish->as_of,
                                             .hidden_columns = true}));
    ARROW_ASSIGN_OR_RAISE(auto rows, SortedTail(wish, tail.log, scanner.get()));
    readers.emplace_back(tail.log, std::move(rows));
  }
  std::stable_sort(readers.begin(), readers.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ReaderPtr> sources;
  for (auto& [log, reader] : readers) sources.push_back(std::move(reader));
  ReaderPtr rows = lakeview::Chain(wish->inner, {});
  if (!sources.empty()) {
    ARROW_ASSIGN_OR_RAISE(rows, lakeview::MergeSorted(std::move(sources), wish->order, kBatchRows));
  }
  if (wish->keyed) rows = std::make_shared<LastEffects>(wish, std::move(rows));
  return std::make_unique<RangeRows>(wish, columns.shown, columns.places, std::move(rows),
                                     snapshot);
}

}  // namespace firth::table
