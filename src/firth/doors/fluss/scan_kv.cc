// ScanKv: all rows of one bucket of a keyed table, as they stood when the scan began, in several
// calls. And the two calls that ask for files of a bucket's state, of which there are none here.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/kv_scans.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/value_batch.h"

namespace firth::doors::fluss {
namespace {

/// A call gives at most this much beyond its first row, whatever it asks for.
constexpr size_t kCallBytesMax = size_t{64} << 20;
constexpr size_t kCallBytesDefault = size_t{1} << 20;

/// A scan in the hands of one call.
struct Taken {
  std::string id;  // empty: it is new, and kept only if there is more to read
  std::unique_ptr<KvScan> scan;
};

/// The table's bucket, if the caller may read it: again at each call, since it may be dropped, and
/// rights be taken away, while a scan is under way.
Result<table::BucketRef> CheckBucket(const Request& request, const BucketName& name,
                                     table::TablePtr* table) {
  ARROW_ASSIGN_OR_RAISE(const TableById found, TableById::Find(request, name.table));
  ARROW_ASSIGN_OR_RAISE(const table::BucketRef where, found.Bucket(name.partition, name.bucket));
  ARROW_RETURN_NOT_OK(
      request.database().GetRange(request.caller(), *found.table(), where).status());
  *table = found.table();
  return where;
}

Result<Taken> Begin(const Request& request, const pb::ScanKvRequest& in, pb::ScanKvAnswer* out) {
  const pb::ScanKvBucket& asked = in.bucket();
  Taken made;
  made.scan = std::make_unique<KvScan>();
  KvScan& scan = *made.scan;
  scan.name = {.table = asked.table_id(), .bucket = asked.bucket()};
  if (asked.has_partition_id()) scan.name.partition = asked.partition_id();
  ARROW_RETURN_NOT_OK(request.services().scans->CheckRoom(scan.name));
  table::TablePtr table;
  ARROW_ASSIGN_OR_RAISE(const table::BucketRef where, CheckBucket(request, scan.name, &table));
  const int64_t limit = asked.has_limit() && asked.limit() > 0 ? asked.limit() : INT64_MAX;
  ARROW_ASSIGN_OR_RAISE(
      scan.rows, request.database().OpenKeyScan(request.caller(),
                                                {.table = table, .where = where, .limit = limit}));
  ARROW_ASSIGN_OR_RAISE(scan.shape, ValueShape::Make(table));
  ARROW_RETURN_NOT_OK(scan.Advance());
  scan.last_call = in.has_call() ? in.call() : 0;
  out->set_log_end(scan.rows->log_end().value);
  return made;
}

Result<Taken> GoOn(const Request& request, const pb::ScanKvRequest& in) {
  Taken taken{.id = in.scan_id(), .scan = nullptr};
  KvScans& scans = *request.services().scans;
  ARROW_ASSIGN_OR_RAISE(taken.scan, scans.Take(taken.id));
  const auto check = [&]() -> Status {
    table::TablePtr table;
    ARROW_RETURN_NOT_OK(CheckBucket(request, taken.scan->name, &table).status());
    const int32_t expected = taken.scan->last_call + 1;
    if (in.has_call() && in.call() != expected && !in.close()) {
      return Refusal(Wire::kInvalidScan, "the scan's next call has the number " +
                                             std::to_string(expected) + ", not " +
                                             std::to_string(in.call()));
    }
    if (in.has_call()) taken.scan->last_call = in.call();
    return Status::OK();
  };
  const Status checked = check();
  if (checked.ok()) return taken;
  scans.PutBack(taken.id, std::move(taken.scan));
  return checked;
}

/// The next rows; at least one, if there is one.
Result<std::string> ReadOn(const pb::ScanKvRequest& in, KvScan* scan) {
  const size_t bytes_max =
      in.has_bytes_max() ? std::min<size_t>(static_cast<size_t>(in.bytes_max()), kCallBytesMax)
                         : kCallBytesDefault;
  ValueBatch values;
  while (scan->ahead && values.bytes() < bytes_max) {
    ARROW_ASSIGN_OR_RAISE(const std::string value, scan->shape.Of(scan->ahead->row));
    values.Add(value);
    ARROW_RETURN_NOT_OK(scan->Advance());
  }
  return values.count() == 0 ? std::string() : values.Finish();
}

Status Scan(const Request& request, const pb::ScanKvRequest& in, pb::ScanKvAnswer* out) {
  if (in.has_bucket() == in.has_scan_id()) {
    return Refusal(Wire::kInvalidScan, "a call either names a bucket to scan, or a scan");
  }
  if (in.has_bytes_max() && in.bytes_max() < 1) {
    return Refusal(Wire::kInvalidScan, "a call asks for at least one byte");
  }
  KvScans& scans = *request.services().scans;
  ARROW_ASSIGN_OR_RAISE(Taken taken, in.has_bucket() ? Begin(request, in, out) : GoOn(request, in));
  if (!in.close()) {
    auto records = ReadOn(in, taken.scan.get());
    if (!records.ok()) {
      // What was read already is not read again: the scan cannot go on.
      if (!taken.id.empty()) scans.Forget(taken.id);
      return records.status();
    }
    if (!records->empty()) out->set_records(std::move(*records));
  }
  const bool more = !in.close() && taken.scan->ahead.has_value();
  out->set_more(more);
  if (!more) {
    if (!taken.id.empty()) {
      out->set_scan_id(taken.id);
      scans.Forget(taken.id);
    }
  } else if (taken.id.empty()) {
    out->set_scan_id(scans.Keep(std::move(taken.scan)));
  } else {
    out->set_scan_id(taken.id);
    scans.PutBack(taken.id, std::move(taken.scan));
  }
  return Status::OK();
}

Status ScanKv(const Request& request, const pb::ScanKvRequest& in, pb::ScanKvAnswer* out) {
  const Status done = Scan(request, in, out);
  if (done.ok()) return done;
  out->Clear();
  out->set_error_code(CodeFor(done, Asked::kRead));
  out->set_error_message(MessageOf(done));
  return Status::OK();
}

/// The partition of that name; the only one without a name.
Result<table::PartitionInfo> FindPartition(const Request& request, const table::TablePtr& table,
                                           const TableNames& names,
                                           const std::optional<std::string>& partition) {
  const bool partitioned = !table->current->spec.partition_by.empty();
  if (partitioned != partition.has_value()) {
    return Refusal(
        partitioned ? Wire::kPartitionNotFound : Wire::kNotPartitioned,
        "Table '" + names.ToString() +
            (partitioned ? "' is partitioned: name a partition." : "' is not partitioned."));
  }
  ARROW_ASSIGN_OR_RAISE(const auto all,
                        request.database().ListPartitions(request.caller(), *table));
  for (const table::PartitionInfo& info : all) {
    if (!partitioned || PartitionName(info.values) == *partition) return info;
  }
  return Refusal(Wire::kPartitionNotFound, "Table partition '" + names.ToString() + "(p=" +
                                               partition.value_or("") + ")' does not exist.");
}

Status LatestKvSnapshots(const Request& request, const pb::KvSnapshotsRequest& in,
                         pb::KvSnapshotsAnswer* out) {
  const TableNames names{in.table().database(), in.table().table()};
  ARROW_ASSIGN_OR_RAISE(const table::TablePtr table, FindTable(request, names));
  if (table->current->spec.key.empty()) {
    return Refusal(Wire::kNotKeyed, "Table '" + names.ToString() + "' has no primary key.");
  }
  const auto wanted =
      in.has_partition() ? std::optional<std::string>(in.partition()) : std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const auto partition, FindPartition(request, table, names, wanted));
  out->set_table_id(table->id.value);
  if (wanted) out->set_partition_id(partition.id.value);
  for (int32_t b = 0; b < partition.bucket_count; ++b) {
    const table::BucketRef where{.partition = partition.id, .bucket = b};
    ARROW_ASSIGN_OR_RAISE(const auto range,
                          request.database().GetRange(request.caller(), *table, where));
    if (range.start > Offset(0)) {
      // A bucket without a snapshot is read from its log's start, which would not be all of it.
      return Refusal(Wire::kKvSnapshotNotFound,
                     "The log of bucket " + std::to_string(b) + " of table '" + names.ToString() +
                         "' begins at offset " + std::to_string(range.start.value) +
                         ", and there are no snapshot files: scan the bucket (ScanKv).");
    }
    out->add_buckets()->set_bucket(b);
  }
  return Status::OK();
}

Status KvSnapshot(const Request& request, const pb::KvSnapshotRequest& in, pb::KvSnapshotAnswer*) {
  ARROW_ASSIGN_OR_RAISE(const TableById table, TableById::Find(request, in.table_id()));
  return Refusal(Wire::kKvSnapshotNotFound, "Table '" + NamesOf(table.table()->path).ToString() +
                                                "' has no snapshot " +
                                                std::to_string(in.snapshot_id()) + " of bucket " +
                                                std::to_string(in.bucket()) + ".");
}

}  // namespace

void ServeScanKv(const RequestPtr& request) {
  Unary<pb::ScanKvRequest, pb::ScanKvAnswer>(request, &ScanKv);
}

void ServeLatestKvSnapshots(const RequestPtr& request) {
  Unary<pb::KvSnapshotsRequest, pb::KvSnapshotsAnswer>(request, &LatestKvSnapshots);
}

void ServeKvSnapshot(const RequestPtr& request) {
  Unary<pb::KvSnapshotRequest, pb::KvSnapshotAnswer>(request, &KvSnapshot);
}

}  // namespace firth::doors::fluss
