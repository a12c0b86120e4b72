// PutKv: upserts and deletes of keyed tables.
#include <optional>
#include <utility>
#include <vector>

#include "firth/common/later.h"
#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/bucket_writes.h"
#include "firth/doors/fluss/kv_batch.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/wire.h"
#include "firth/doors/fluss/written_tables.h"
#include "firth/schema/schema.h"

namespace firth::doors::fluss {
namespace {

/// The buckets of a smaller request are decided by one thread and committed at once: to wake
/// another for each, and to sync for the first what the others are not in yet, would take longer.
/// It is read by the network's thread, too, if nothing is to be waited for.
constexpr size_t kSmallBytesMax = size_t{128} << 10;

struct PutKv {
  std::optional<int32_t> acks;
  std::optional<int64_t> table_id;
  std::optional<int32_t> timeout_ms;
  std::vector<int> target_columns;
  std::vector<BucketWrite> buckets;
  int32_t aggregation_mode = 0;
};

bool ReadPutKv(const Request& request, PutKv* out) {
  WireReader reader(request.body());
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        out->acks = reader.Int32();
        break;
      case 2:
        out->table_id = reader.Int64();
        break;
      case 3:
        out->timeout_ms = reader.Int32();
        break;
      case 4:
        reader.Numbers([&](int64_t column) {
          if (out->target_columns.size() <= schema::kColumnsMax) {
            out->target_columns.push_back(static_cast<int>(column));
          }
        });
        break;
      case 5: {
        BucketWrite bucket;
        if (!ReadBucketWrite(request, reader.Run(), &bucket)) return false;
        out->buckets.push_back(std::move(bucket));
        if (out->buckets.size() > kBucketWritesMax) return false;
        break;
      }
      case 6:
        out->aggregation_mode = reader.Int32();
        break;
      default:
        break;
    }
  }
  return reader.ok() && out->acks && out->table_id && out->timeout_ms;
}

/// The batch of one bucket, with the engine's keys.
Result<table::UpsertBatch> BatchOf(const Request& request, const WrittenTable& table,
                                   table::BucketRef where, const BucketWrite& bucket,
                                   const PutKv& in) {
  ARROW_ASSIGN_OR_RAISE(table::UpsertBatch batch, ReadKvBatch(bucket.records));
  batch.target_columns = in.target_columns;
  if (table.shape.Remakes()) ARROW_RETURN_NOT_OK(table.shape.Remake(&batch));
  ARROW_ASSIGN_OR_RAISE(const auto keys, table.found.KeysOf(request, where.partition));
  if (keys) ARROW_RETURN_NOT_OK(keys->Rewrite(&batch));
  return batch;
}

void Put(const RequestPtr& request, Result<std::shared_ptr<const WrittenTable>> table, PutKv in) {
  if (table.ok()) {
    if (Status seen = (*table)->CheckSeen(*request); !seen.ok()) table = std::move(seen);
  }
  const auto answers =
      BucketWriteAnswers::Make(request, BucketWriteAnswers::kEndOffset, std::move(in.buckets));
  std::optional<Later> together;
  if (request->body().size() <= kSmallBytesMax) together.emplace();
  for (size_t i = 0; i < answers->size(); ++i) {
    BucketWrite& bucket = answers->bucket(i);
    const auto where = table.ok() ? (*table)->found.Bucket(bucket.partition_id, bucket.bucket)
                                  : Result<table::BucketRef>(table.status());
    auto batch = where.ok() ? BatchOf(*request, **table, *where, bucket, in)
                            : Result<table::UpsertBatch>(where.status());
    if (!batch.ok()) {
      answers->Finish(i, batch.status());
      continue;
    }
    request->database().UpsertBatch(
        request->caller(), (*table)->found.table(), *where, std::move(*batch),
        [answers, i](const Result<table::AppendResult>& done) { answers->Finish(i, done); });
  }
}

}  // namespace

bool ServePutKvAtOnce(const RequestPtr& request) {
  PutKv in;
  if (request->body().size() > kSmallBytesMax || !ReadPutKv(*request, &in) ||
      !CheckAcks(*in.acks).ok() || in.aggregation_mode != 0) {
    return false;
  }
  auto table = request->services().written->Find(request->database(), *in.table_id);
  // The keys of a partition's rows are known by the catalog.
  if (table == nullptr || table->shape.Remakes() ||
      !table->found.table()->current->spec.partition_by.empty()) {
    return false;
  }
  Put(request, std::move(table), std::move(in));
  return true;
}

void ServePutKv(const RequestPtr& request) {
  PutKv in;
  if (!ReadPutKv(*request, &in)) {
    return request->Refuse(Wire::kCorruptRecord, "the PutKv request cannot be read");
  }
  if (const Status acks = CheckAcks(*in.acks); !acks.ok()) return request->Refuse(acks);
  if (in.aggregation_mode != 0) {
    return request->Refuse(Wire::kUnsupportedVersion,
                           "rows are merged by the table's rule; no other mode is served");
  }
  const auto make = [&] { return WrittenTable::Make(*request, *in.table_id); };
  Put(request, request->services().written->Get(request->database(), *in.table_id, make),
      std::move(in));
}

}  // namespace firth::doors::fluss
