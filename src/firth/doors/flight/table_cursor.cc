#include "firth/doors/flight/table_cursor.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "firth/doors/flight/buckets.h"
#include "firth/doors/flight/shown_rows.h"

namespace firth::doors::flight {
namespace {

using table::BucketRange;
using table::BucketRef;
using table::ScanRequest;

constexpr int64_t kSecondNs = 1'000'000'000;

/// A run of offsets of one bucket, [from, to).
struct Part {
  BucketRef where;
  Offset from;
  Offset to;
};

class TableCursor : public Cursor {
 public:
  TableCursor(const Request& request, Ticket ticket)
      : request_(request), ticket_(std::move(ticket)), shown_(ticket_) {}

  Status Open() {
    ARROW_ASSIGN_OR_RAISE(scan_.table, database()->GetTable(request_.caller, ticket_.path));
    ARROW_ASSIGN_OR_RAISE(scan_.partition, PartitionOf(request_, *scan_.table, ticket_));
    scan_.columns = shown_.columns();
    scan_.bucket = ticket_.bucket;
    scan_.as_of = ticket_.as_of;
    scan_.hidden_columns = ticket_.hidden;
    // Even where it is not what will be read: it checks rights and names, and tells the schema.
    ARROW_ASSIGN_OR_RAISE(scanner_, database()->Scan(request_.caller, scan_));
    ARROW_RETURN_NOT_OK(shown_.Bind(scanner_->schema()));
    first_schema_ = scan_.table->current->newest().id;
    if (!ticket_.follow && !ticket_.from && !ticket_.to) return Status::OK();
    scanner_.reset();
    return PlanFirst();
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return shown_.schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    for (;;) {
      if (shown_.full()) return nullptr;
      if (scanner_ == nullptr) {
        if (parts_.empty() && ticket_.follow) ARROW_RETURN_NOT_OK(PlanMore());
        if (parts_.empty()) return nullptr;
        ARROW_RETURN_NOT_OK(OpenPart(parts_.front()));
      }
      ARROW_ASSIGN_OR_RAISE(const auto scanned, scanner_->Next());
      if (!scanned) {
        if (parts_.empty()) return nullptr;  // that was the one scan of everything
        ClosePart();
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(auto rows, shown_.Show(scanned->rows));
      if (rows->num_rows() > 0) return rows;
    }
  }

  bool ended() const override { return !ticket_.follow || shown_.full(); }

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
  using Key = std::pair<int64_t, int32_t>;  // partition and bucket

  table::Database* database() const { return request_.database; }
  static Key KeyOf(const BucketRef& where) { return {where.partition.value, where.bucket}; }

  /// Where the ticket begins in a bucket.
  Result<Offset> FirstOffset(const BucketRef& where, const BucketRange& range) const {
    Offset from = range.start;
    if (ticket_.from && ticket_.from_end) {
      from = std::max(from, Offset(range.end.value - std::min(*ticket_.from, range.end.value)));
    } else if (ticket_.from) {
      from = Offset(*ticket_.from);
    }
    if (from >= range.start && from <= range.end) return from;
    return Error(Code::kOutOfRange, Reason::kOffsetOutOfRange,
                 "the table " + ticket_.path.ToString() + " keeps the offsets from " +
                     std::to_string(range.start.value) + " to " + std::to_string(range.end.value) +
                     " of bucket " + std::to_string(where.bucket) + ", not " +
                     std::to_string(from.value));
  }

  Status PlanFirst() {
    // So that the parts, read one after another, are of one moment.
    if (!ticket_.follow && scan_.as_of == catalog::kNow) scan_.as_of = database()->LastCommit();
    ARROW_ASSIGN_OR_RAISE(const auto buckets, BucketsOf(request_, *scan_.table, ticket_));
    if (buckets.size() > 1 && (ticket_.to || (ticket_.from && !ticket_.from_end))) {
      return Error(Code::kInvalidArgument, Reason::kNone,
                   "offsets are of one bucket: name it by `bucket` (and `partition`), or begin at "
                   "earliest, latest or so many before the end");
    }
    for (const BucketRef& where : buckets) {
      ARROW_ASSIGN_OR_RAISE(const BucketRange range,
                            database()->GetRange(request_.caller, *scan_.table, where));
      ARROW_ASSIGN_OR_RAISE(const Offset from, FirstOffset(where, range));
      positions_[KeyOf(where)] = from;
      const Offset to = ticket_.to ? std::min(Offset(*ticket_.to), range.end) : range.end;
      if (from < to) parts_.push_back({where, from, to});
    }
    return Status::OK();
  }

  /// What came since; in buckets that are new, from their start.
  Status PlanMore() {
    ARROW_ASSIGN_OR_RAISE(scan_.table, database()->GetTable(request_.caller, scan_.table->id));
    ARROW_ASSIGN_OR_RAISE(const auto buckets, BucketsOf(request_, *scan_.table, ticket_));
    std::map<Key, Offset> positions;
    for (const BucketRef& where : buckets) {
      ARROW_ASSIGN_OR_RAISE(const BucketRange range,
                            database()->GetRange(request_.caller, *scan_.table, where));
      const auto before = positions_.find(KeyOf(where));
      const Offset from = before == positions_.end() ? range.start : before->second;
      positions[KeyOf(where)] = from;
      if (from < range.end) parts_.push_back({where, from, range.end});
    }
    positions_ = std::move(positions);
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
    positions_[KeyOf(parts_.front().where)] = parts_.front().to;
    parts_.pop_front();
  }

  const Request request_;
  const Ticket ticket_;
  ShownRows shown_;
  ScanRequest scan_;  // what every part's scan has in common
  SchemaId first_schema_;
  std::deque<Part> parts_;  // to read, the first one perhaps begun; none: one scan of everything
  std::map<Key, Offset> positions_;  // read up to
  std::unique_ptr<table::Scanner> scanner_;
};

}  // namespace

Result<std::unique_ptr<Cursor>> OpenTable(const Request& request, Ticket ticket) {
  auto cursor = std::make_unique<TableCursor>(request, std::move(ticket));
  ARROW_RETURN_NOT_OK(cursor->Open());
  return cursor;
}

}  // namespace firth::doors::flight
