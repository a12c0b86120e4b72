#include "firth/doors/fluss/fetch.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/batch_shape.h"
#include "firth/doors/fluss/lookup_names.h"

namespace firth::doors::fluss {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kLogStart = -2;  // an offset that means: from the log's start
constexpr int64_t kWaitMsMax = 300'000;
/// One answer holds at most this, whatever is asked for; and at least one batch.
constexpr uint64_t kAnswerBytesMax = uint64_t{64} << 20;

uint64_t AtLeastZero(int32_t value) {
  return value < 0 ? 0 : static_cast<uint64_t>(value);
}

}  // namespace

/// What a look finds, before bytes are read: for every bucket that was asked for, where it is read
/// from or why it cannot be.
struct LogFetch::Found {
  struct Bucket {
    Status status;
    size_t shape = 0;  // index into shapes
    table::FetchBucket from;
    table::BucketRange range;
  };

  std::vector<std::optional<BatchShape>> shapes;  // one a table
  std::vector<Bucket> buckets;

  /// The buckets that can be read, each from `from`.
  std::vector<table::FetchBucket> Readable() const {
    std::vector<table::FetchBucket> readable;
    for (const Bucket& bucket : buckets) {
      if (bucket.status.ok()) readable.push_back(bucket.from);
    }
    return readable;
  }
};

LogFetch::Found LogFetch::Find() const {
  Found found;
  const auto find = [&](const FetchLogBucket& asked, const TableById& table,
                        Found::Bucket* bucket) -> Status {
    ARROW_ASSIGN_OR_RAISE(bucket->from.where, table.Bucket(asked.partition_id, asked.bucket));
    bucket->from.table = table.table();
    bucket->from.bytes_max = AtLeastZero(asked.bytes_max);
    ARROW_ASSIGN_OR_RAISE(
        bucket->range,
        request_->database().GetRange(request_->caller(), *table.table(), bucket->from.where));
    const auto [start, end] = bucket->range;
    bucket->from.from = asked.offset == kLogStart ? start : Offset(asked.offset);
    if (bucket->from.from >= start && bucket->from.from <= end) return Status::OK();
    return Error(Code::kOutOfRange, Reason::kOffsetOutOfRange,
                 "The fetch offset " + std::to_string(asked.offset) +
                     " is out of range: the log holds " + std::to_string(start.value) + " to " +
                     std::to_string(end.value) + ".");
  };
  for (const FetchLogTable& asked : asked_.tables) {
    const Result<TableById> table = TableById::Find(*request_, asked.table_id);
    Status status = table.status();
    auto& shape = found.shapes.emplace_back();
    if (table.ok()) {
      auto made = BatchShape::Make(
          table->table(), {.columns = asked.columns,
                           .reads_older_schemas = request_->connection().reads_older_schemas()});
      status = made.status();
      if (made.ok()) shape = std::move(*made);
    }
    for (const FetchLogBucket& bucket : asked.buckets) {
      Found::Bucket& out = found.buckets.emplace_back();
      out.shape = found.shapes.size() - 1;
      out.status = status.ok() ? find(bucket, *table, &out) : status;
    }
  }
  return found;
}

bool LogFetch::IsEnough(const Found& found) const {
  if (found.buckets.empty()) return true;
  for (const auto& bucket : found.buckets) {
    if (!bucket.status.ok()) return true;
  }
  const uint64_t enough =
      std::min({AtLeastZero(asked_.bytes_min), AtLeastZero(asked_.bytes_max), kAnswerBytesMax});
  return request_->database().BytesReady(found.Readable()) >= enough;
}

void LogFetch::Answer(Found found) {
  const uint64_t bytes_max = std::min(AtLeastZero(asked_.bytes_max), kAnswerBytesMax);
  std::vector<table::FetchedBucket> fetched =
      request_->database().Fetch(request_->caller(), found.Readable(), bytes_max);
  std::vector<FetchedLogBucket> out(found.buckets.size());
  size_t next = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const Found::Bucket& bucket = found.buckets[i];
    out[i].status = bucket.status;
    if (!bucket.status.ok()) continue;
    table::FetchedBucket& got = fetched[next++];
    out[i].status = got.status;
    out[i].start_offset = got.range.start.value;
    out[i].end_offset = got.range.end.value;
    for (const log::StoredEntry& entry : got.entries) {
      auto batch = found.shapes[bucket.shape]->Of(entry);
      if (!batch.ok()) {
        out[i].status = batch.status();
        break;
      }
      if (*batch != nullptr) out[i].batches.push_back(std::move(*batch));
    }
  }
  request_->AnswerParts(WriteFetchLog(asked_, std::move(out)));
}

void LogFetch::Look(bool last) {
  {
    std::lock_guard lock(mutex_);
    last_ = last_ || last;
    if (ended_) return;
    look_again_ = looking_;
    if (looking_) return;  // the one that looks now will do it
    looking_ = true;
  }
  for (bool again = true; again;) {
    Found found = Find();
    const bool enough = IsEnough(found);
    bool answer;
    {
      std::lock_guard lock(mutex_);
      answer = enough || last_;
    }
    if (answer) {
      if (End()) Answer(std::move(found));
      return;
    }
    Wait(found);
    std::lock_guard lock(mutex_);
    again = look_again_ && !ended_;
    look_again_ = false;
    looking_ = again;
  }
}

void LogFetch::Wait(const Found& found) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    first = !std::exchange(parked_, true);
  }
  if (first) {
    if (!request_->connection().Park(shared_from_this())) return Wake(/*last=*/true);
    const int64_t wait_ms = std::clamp<int64_t>(asked_.wait_ms_max, 1, kWaitMsMax);
    const int64_t until_ns = request_->database().clock().MonotonicNs() + wait_ms * kNsPerMs;
    const uint64_t timer = request_->services().blocking->PostAt(
        until_ns, [self = shared_from_this()] { self->Look(/*last=*/true); });
    std::lock_guard lock(mutex_);
    timer_ = timer;
    if (ended_) request_->services().blocking->Cancel(timer);
  }
  // What is there already is too little: wait for what comes after it.
  std::vector<table::FetchBucket> points;
  for (const Found::Bucket& bucket : found.buckets) {
    points.push_back(bucket.from);
    points.back().from = bucket.range.end;
  }
  const uint64_t follower = request_->database().Follow(
      points, [self = shared_from_this()] { self->Wake(/*last=*/false); });
  uint64_t stale = follower;
  {
    std::lock_guard lock(mutex_);
    if (!ended_) stale = std::exchange(follower_, follower);
  }
  request_->database().Unfollow(stale);
}

void LogFetch::Wake(bool last) {
  request_->services().blocking->Post([self = shared_from_this(), last] { self->Look(last); });
}

bool LogFetch::End() {
  uint64_t follower;
  uint64_t timer;
  bool parked;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(ended_, true)) return false;
    follower = follower_;
    timer = timer_;
    parked = parked_;
  }
  if (timer != 0) request_->services().blocking->Cancel(timer);
  request_->database().Unfollow(follower);
  if (parked) request_->connection().Unpark(shared_from_this());
  return true;
}

void LogFetch::Drop() {
  End();
}

void LogFetch::Hurry() {
  Wake(/*last=*/true);
}

void ServeFetchLog(const RequestPtr& request) {
  FetchLogRequest asked;
  if (!ReadFetchLog(request->body(), &asked)) {
    return request->Refuse(Wire::kCorruptRecord, "the FetchLog request cannot be read");
  }
  std::make_shared<LogFetch>(request, std::move(asked))->Look(/*last=*/false);
}

}  // namespace firth::doors::fluss
