// ListOffsets: where the logs of buckets begin, end, or stood at a time.
#include <optional>
#include <string>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"

namespace firth::doors::fluss {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int32_t kEarliest = 0;
constexpr int32_t kLatest = 1;
constexpr int32_t kByTime = 2;

Result<Offset> OffsetAt(const Request& request, const table::TableInfo& table,
                        table::BucketRef where, int64_t time_ms) {
  int64_t time_ns = 0;
  if (__builtin_mul_overflow(time_ms, kNsPerMs, &time_ns)) {
    time_ns = time_ms < 0 ? INT64_MIN : INT64_MAX;
  }
  if (time_ns > request.database().clock().NowNs()) {
    return Error(Code::kInvalidArgument, Reason::kTimestampInFuture,
                 "the timestamp " + std::to_string(time_ms) + " lies in the future");
  }
  return request.database().OffsetAtTime(request.caller(), table, where, time_ns);
}

Result<Offset> Find(const Request& request, const pb::ListOffsetsRequest& in,
                    const Result<TableById>& table, int32_t bucket) {
  ARROW_RETURN_NOT_OK(table.status());
  const auto partition =
      in.has_partition_id() ? std::optional<int64_t>(in.partition_id()) : std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const table::BucketRef where, table->Bucket(partition, bucket));
  if (in.kind() == kByTime) {
    return OffsetAt(request, *table->table(), where, in.timestamp_ms());
  }
  ARROW_ASSIGN_OR_RAISE(const table::BucketRange range,
                        request.database().GetRange(request.caller(), *table->table(), where));
  return in.kind() == kEarliest ? range.start : range.end;
}

Status ListOffsets(const Request& request, const pb::ListOffsetsRequest& in,
                   pb::ListOffsetsAnswer* out) {
  if (in.kind() != kEarliest && in.kind() != kLatest && in.kind() != kByTime) {
    return Refusal(Wire::kUnsupportedVersion,
                   "the offset type " + std::to_string(in.kind()) + " is none of 0, 1, 2");
  }
  if (in.kind() == kByTime && !in.has_timestamp_ms()) {
    return Refusal(Wire::kInvalidTimestamp, "offsets by time need a timestamp");
  }
  if (in.buckets_size() > table::kBucketsMax) {
    return Refusal(Wire::kTooManyBuckets, "no table has as many buckets as are asked for");
  }
  const Result<TableById> table = TableById::Find(request, in.table_id());
  for (const int32_t bucket : in.buckets()) {
    const Result<Offset> offset = Find(request, in, table, bucket);
    auto* answer = out->add_buckets();
    answer->set_bucket(bucket);
    if (offset.ok()) {
      answer->set_offset(offset->value);
    } else {
      answer->set_error_code(CodeFor(offset.status(), Asked::kRead));
      answer->set_error_message(MessageOf(offset.status()));
    }
  }
  return Status::OK();
}

}  // namespace

void ServeListOffsets(const RequestPtr& request) {
  Unary<pb::ListOffsetsRequest, pb::ListOffsetsAnswer>(request, &ListOffsets);
}

}  // namespace firth::doors::fluss
