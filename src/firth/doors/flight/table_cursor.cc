#include "firth/doors/flight/table_cursor.h"

#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "firth/doors/flight/sql_cursor.h"
#include "firth/schema/schema.h"

namespace firth::doors::flight {
namespace {

using table::BucketRange;
using table::BucketRef;
using table::ScanRequest;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr char kChangeColumn[] = "__change";

/// A run of offsets of one bucket, [from, to).
struct Part {
  BucketRef where;
  Offset from;
  Offset to;
};

/// The fields of `schema` without metadata, which is the server's own.
std::shared_ptr<arrow::Schema> Bare(const arrow::Schema& schema, int columns_first,
                                    int columns_skipped) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (i >= columns_first && i < columns_first + columns_skipped) continue;
    fields.push_back(schema.field(i)->RemoveMetadata());
  }
  return arrow::schema(std::move(fields));
}

/// The kinds of change of hidden rows as people write them, for the numbers that the log has.
Result<std::shared_ptr<arrow::Array>> ChangeNames(const arrow::Array& numbers) {
  static constexpr std::array<const char*, 5> kNames = {"+A", "+I", "-U", "+U", "-D"};
  arrow::StringBuilder builder;
  const auto& changes = static_cast<const arrow::Int8Array&>(numbers);
  for (int64_t row = 0; row < changes.length(); ++row) {
    const auto number = static_cast<size_t>(changes.Value(row));
    ARROW_RETURN_NOT_OK(builder.Append(number < kNames.size() ? kNames[number] : "?"));
  }
  return builder.Finish();
}

/// The column of `rows` that `field` stands for: by field id, or by name where it has none.
Result<std::shared_ptr<arrow::Array>> ColumnFor(const arrow::RecordBatch& rows,
                                                const arrow::Field& field) {
  const int32_t id = schema::FieldId(field);
  for (int i = 0; i < rows.num_columns(); ++i) {
    const arrow::Field& candidate = *rows.schema()->field(i);
    if (id >= 0 ? schema::FieldId(candidate) != id : candidate.name() != field.name()) continue;
    if (candidate.type()->Equals(field.type())) return rows.column(i);
    return arrow::compute::Cast(*rows.column(i), field.type());
  }
  return arrow::MakeArrayOfNull(field.type(), rows.num_rows());
}

class TableCursor : public Cursor {
 public:
  TableCursor(const Request& request, Ticket ticket)
      : request_(request), ticket_(std::move(ticket)), rows_left_(ticket_.limit) {}

  Status Open() {
    ARROW_ASSIGN_OR_RAISE(scan_.table, database()->GetTable(request_.caller, ticket_.path));
    scan_.columns = WideColumns();
    scan_.bucket = ticket_.bucket;
    scan_.as_of = ticket_.as_of;
    scan_.hidden_columns = ticket_.hidden;
    if (ticket_.partition) {
      ARROW_ASSIGN_OR_RAISE(scan_.partition, FindPartition(*ticket_.partition));
    }
    first_schema_ = scan_.table->current->newest().id;
    // Even where it is not what will be read: it checks rights and names, and tells the schema.
    ARROW_ASSIGN_OR_RAISE(scanner_, database()->Scan(request_.caller, scan_));
    wide_ = scanner_->schema();
    schema_ = Bare(*wide_, static_cast<int>(ticket_.columns.size()), extra_columns_);
    if (ticket_.hidden) {
      change_column_ = schema_->GetFieldIndex(kChangeColumn);
      ARROW_ASSIGN_OR_RAISE(
          schema_,
          schema_->SetField(change_column_, arrow::field(kChangeColumn, arrow::utf8(), false)));
    }
    ARROW_RETURN_NOT_OK(ticket_.filter.Bind(*wide_));
    if (!ticket_.follow && !ticket_.from && !ticket_.to) return Status::OK();
    scanner_.reset();
    return PlanFirst();
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    for (;;) {
      if (rows_left_ == 0) return nullptr;
      if (scanner_ == nullptr) {
        if (parts_.empty() && ticket_.follow) ARROW_RETURN_NOT_OK(PlanMore());
        if (parts_.empty()) return nullptr;
        ARROW_RETURN_NOT_OK(OpenPart(parts_.front()));
      }
      ARROW_ASSIGN_OR_RAISE(const auto scanned, scanner_->Next());
      if (!scanned) {
        ClosePart();
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(auto rows, Shown(scanned->rows));
      if (rows->num_rows() > 0) return rows;
    }
  }

  bool ended() const override { return !ticket_.follow || rows_left_ == 0; }

  uint64_t Follow(std::function<void()> wake) override {
    std::vector<table::FetchBucket> buckets;
    for (const auto& [key, offset] : positions_) {
      buckets.push_back({scan_.table, {PartitionId(key.first), key.second}, offset});
    }
    return database()->Follow(buckets, std::move(wake));
  }
  void Unfollow(uint64_t follower) override { database()->Unfollow(follower); }

  // Nobody wakes us for a new partition, or when the table is dropped.
  int64_t look_again_ns() const override {
    return scan_.table->current->spec.partition_by.empty() ? 5 * kSecondNs : kSecondNs;
  }

 private:
  table::Database* database() const { return request_.database; }

  /// The columns to show, then those that only the filter needs; none for all.
  std::vector<std::string> WideColumns() {
    std::vector<std::string> columns = ticket_.columns;
    if (columns.empty()) return columns;
    for (const std::string& name : ticket_.filter.Columns()) {
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) {
        columns.push_back(name);
        ++extra_columns_;
      }
    }
    return columns;
  }

  Result<PartitionId> FindPartition(const std::vector<std::string>& values) {
    ARROW_ASSIGN_OR_RAISE(const auto partitions,
                          database()->ListPartitions(request_.caller, *scan_.table));
    for (const auto& partition : partitions) {
      if (partition.values == values) return partition.id;
    }
    std::string text;
    for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
    return Error(Code::kNotFound, Reason::kPartitionNotFound,
                 "the table " + ticket_.path.ToString() + " has no partition " + text);
  }

  Result<std::vector<std::pair<BucketRef, BucketRange>>> Ranges() {
    ARROW_ASSIGN_OR_RAISE(const auto partitions,
                          database()->ListPartitions(request_.caller, *scan_.table));
    std::vector<std::pair<BucketRef, BucketRange>> ranges;
    for (const auto& partition : partitions) {
      if (scan_.partition && partition.id != *scan_.partition) continue;
      for (int32_t bucket = 0; bucket < partition.bucket_count; ++bucket) {
        if (ticket_.bucket && bucket != *ticket_.bucket) continue;
        const BucketRef where{partition.id, bucket};
        ARROW_ASSIGN_OR_RAISE(const BucketRange range,
                              database()->GetRange(request_.caller, *scan_.table, where));
        ranges.emplace_back(where, range);
      }
    }
    return ranges;
  }

  Offset FirstOffset(const BucketRange& range) const {
    if (!ticket_.from) return range.start;
    if (!ticket_.from_end) return Offset(*ticket_.from);
    return std::max(range.start,
                    Offset(range.end.value - std::min(*ticket_.from, range.end.value)));
  }

  Status PlanFirst() {
    // So that the parts, read one after another, are of one moment.
    if (!ticket_.follow && scan_.as_of == catalog::kNow) scan_.as_of = database()->LastCommit();
    ARROW_ASSIGN_OR_RAISE(const auto ranges, Ranges());
    if (ranges.size() > 1 && (ticket_.to || (ticket_.from && !ticket_.from_end))) {
      return Error(Code::kInvalidArgument, Reason::kNone,
                   "offsets are of one bucket: name it by `bucket` (and `partition`), or begin at "
                   "earliest, latest or so many before the end");
    }
    for (const auto& [where, range] : ranges) {
      const Offset from = FirstOffset(range);
      if (from < range.start || from > range.end) {
        return Error(Code::kOutOfRange, Reason::kOffsetOutOfRange,
                     "the table " + ticket_.path.ToString() + " keeps the offsets from " +
                         std::to_string(range.start.value) + " to " +
                         std::to_string(range.end.value) + " of bucket " +
                         std::to_string(where.bucket) + ", not " + std::to_string(from.value));
      }
      positions_[{where.partition.value, where.bucket}] = from;
      const Offset to = ticket_.to ? std::min(Offset(*ticket_.to), range.end) : range.end;
      if (from < to) parts_.push_back({where, from, to});
    }
    return Status::OK();
  }

  Status PlanMore() {
    ARROW_ASSIGN_OR_RAISE(scan_.table, database()->GetTable(request_.caller, scan_.table->id));
    ARROW_ASSIGN_OR_RAISE(const auto ranges, Ranges());
    for (const auto& [where, range] : ranges) {
      const auto at =
          positions_.try_emplace({where.partition.value, where.bucket}, range.start).first;
      if (at->second < range.end) parts_.push_back({where, at->second, range.end});
    }
    return Status::OK();
  }

  Status OpenPart(const Part& part) {
    ScanRequest request = scan_;
    request.partition = part.where.partition;
    request.bucket = part.where.bucket;
    request.from = part.from;
    request.to = part.to;
    // Names may have changed with the schema; the columns are then picked by their ids.
    if (scan_.table->current->newest().id != first_schema_) request.columns.clear();
    ARROW_ASSIGN_OR_RAISE(scanner_, database()->Scan(request_.caller, request));
    return Status::OK();
  }

  void ClosePart() {
    scanner_.reset();
    if (parts_.empty()) return;  // the one scan of everything has no parts
    const Part& part = parts_.front();
    positions_[{part.where.partition.value, part.where.bucket}] = part.to;
    parts_.pop_front();
  }

  /// Scanned rows as the ticket wants them: the first schema's columns, filtered, limited.
  Result<std::shared_ptr<arrow::RecordBatch>> Shown(std::shared_ptr<arrow::RecordBatch> rows) {
    std::vector<std::shared_ptr<arrow::Array>> columns = rows->columns();
    if (!rows->schema()->Equals(*wide_, true)) {
      columns.clear();
      for (const auto& field : wide_->fields()) {
        ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), ColumnFor(*rows, *field));
      }
    }
    rows = arrow::RecordBatch::Make(wide_, rows->num_rows(), std::move(columns));
    ARROW_ASSIGN_OR_RAISE(rows, ticket_.filter.Apply(rows));
    columns = rows->columns();
    const auto extra = columns.begin() + static_cast<std::ptrdiff_t>(ticket_.columns.size());
    columns.erase(extra, extra + extra_columns_);
    if (change_column_ >= 0) {
      auto& changes = columns[static_cast<size_t>(change_column_)];
      ARROW_ASSIGN_OR_RAISE(changes, ChangeNames(*changes));
    }
    rows = arrow::RecordBatch::Make(schema_, rows->num_rows(), std::move(columns));
    if (rows_left_) {
      if (rows->num_rows() > *rows_left_) rows = rows->Slice(0, *rows_left_);
      *rows_left_ -= rows->num_rows();
    }
    return rows;
  }

  const Request request_;
  Ticket ticket_;
  std::optional<int64_t> rows_left_;
  ScanRequest scan_;        // what every part's scan has in common
  int extra_columns_ = 0;   // that only the filter needs
  int change_column_ = -1;  // as shown; -1: not shown
  SchemaId first_schema_;
  std::shared_ptr<arrow::Schema> wide_;    // columns, filter's columns, hidden columns
  std::shared_ptr<arrow::Schema> schema_;  // as shown
  std::deque<Part> parts_;                 // to read, the first one perhaps begun
  std::map<std::pair<int64_t, int32_t>, Offset> positions_;  // by partition and bucket: read up to
  std::unique_ptr<table::Scanner> scanner_;
};

}  // namespace

Result<std::unique_ptr<Cursor>> OpenTable(const Request& request, Ticket ticket) {
  auto cursor = std::make_unique<TableCursor>(request, std::move(ticket));
  ARROW_RETURN_NOT_OK(cursor->Open());
  return cursor;
}

Result<std::unique_ptr<Cursor>> OpenTicket(const Request& request, std::string_view ticket) {
  if (!ticket.starts_with('{')) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "a ticket is JSON like {\"path\": \"a/b\"}");
  }
  ARROW_ASSIGN_OR_RAISE(const auto sql, SqlOf(ticket));
  if (sql) return OpenSql(request, *sql);
  ARROW_ASSIGN_OR_RAISE(Ticket parsed, ParseTicket(ticket));
  return OpenTable(request, std::move(parsed));
}

}  // namespace firth::doors::flight
