// ProduceLog: batches go to the log as they came; and InitWriter, which numbers their writers.
//
// The request is read by hand (wire.h), so that a batch is a slice of the frame that net received,
// all the way into the journal.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/bucket_writes.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/wire.h"
#include "firth/doors/fluss/written_tables.h"
#include "firth/log/batch.h"
#include "firth/log/batch_check.h"

namespace firth::doors::fluss {
namespace {

struct ProduceLog {
  std::optional<int32_t> acks;
  std::optional<int64_t> table_id;
  std::optional<int32_t> timeout_ms;
  std::vector<BucketWrite> buckets;
};

bool ReadProduceLog(const Request& request, ProduceLog* out) {
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
      case 4: {
        BucketWrite bucket;
        if (!ReadBucketWrite(request, reader.Run(), &bucket)) return false;
        out->buckets.push_back(std::move(bucket));
        if (out->buckets.size() > kBucketWritesMax) return false;
        break;
      }
      default:
        break;
    }
  }
  return reader.ok() && out->acks && out->table_id && out->timeout_ms;
}

/// More than this, unpacked, is looked at by a thread that others do not wait for.
constexpr size_t kBytesAtOnceMax = size_t{1} << 20;

/// Few bytes can say that they are many. What is not a batch is soon refused.
bool IsSmall(const arrow::Buffer& batch) {
  const auto header = log::ParseTrustedBatch(
      {reinterpret_cast<const std::byte*>(batch.data()), static_cast<size_t>(batch.size())});
  if (!header.ok()) return true;
  const auto bytes = log::UnpackedBytes(*header);
  return !bytes.ok() || static_cast<uint64_t>(*bytes) <= kBytesAtOnceMax;
}

void Produce(const RequestPtr& request, Result<std::shared_ptr<const WrittenTable>> table,
             std::vector<BucketWrite> buckets) {
  if (table.ok()) {
    if (Status seen = (*table)->CheckSeen(*request); !seen.ok()) table = std::move(seen);
  }
  const auto answers =
      BucketWriteAnswers::Make(request, BucketWriteAnswers::kBaseOffset, std::move(buckets));
  for (size_t i = 0; i < answers->size(); ++i) {
    BucketWrite& bucket = answers->bucket(i);
    const auto where = table.ok() ? (*table)->found.Bucket(bucket.partition_id, bucket.bucket)
                                  : Result<table::BucketRef>(table.status());
    if (!where.ok()) {
      answers->Finish(i, where.status());
      continue;
    }
    if ((*table)->shape.Remakes()) {
      auto remade = (*table)->shape.Remake(bucket.records);
      if (!remade.ok()) {
        answers->Finish(i, remade.status());
        continue;
      }
      bucket.records = std::move(*remade);
    }
    request->database().AppendBatch(
        request->caller(), (*table)->found.table(), *where, std::move(bucket.records),
        [answers, i](const Result<table::AppendResult>& done) { answers->Finish(i, done); });
  }
}

}  // namespace

Result<std::shared_ptr<const WrittenTable>> WrittenTable::Make(const Request& request,
                                                               int64_t table_id) {
  auto table = std::make_shared<WrittenTable>();
  ARROW_ASSIGN_OR_RAISE(table->found, TableById::FindWritable(request, table_id));
  ARROW_ASSIGN_OR_RAISE(table->shape, WriteShape::Make(table->found.table()));
  const catalog::EditionSpec& spec = table->found.table()->current->spec;
  table->takes_as_sent = !table->shape.Remakes() && spec.time_column.empty();
  return table;
}

Status WrittenTable::CheckSeen(const Request& request) const {
  const table::TableInfo& info = *found.table();
  return request.database().access()->Check(request.caller(), access::kSee, info.path,
                                            info.current->id);
}

bool ServeProduceLogAtOnce(const RequestPtr& request) {
  ProduceLog in;
  if (request->body().size() > kBytesAtOnceMax || !ReadProduceLog(*request, &in) ||
      !CheckAcks(*in.acks).ok()) {
    return false;
  }
  auto table = request->services().written->Find(request->database(), *in.table_id);
  if (table == nullptr || !table->takes_as_sent) return false;
  for (const BucketWrite& bucket : in.buckets) {
    if (!IsSmall(*bucket.records)) return false;
  }
  Produce(request, std::move(table), std::move(in.buckets));
  return true;
}

void ServeProduceLog(const RequestPtr& request) {
  ProduceLog in;
  if (!ReadProduceLog(*request, &in)) {
    return request->Refuse(Wire::kCorruptRecord, "the ProduceLog request cannot be read");
  }
  if (const Status acks = CheckAcks(*in.acks); !acks.ok()) return request->Refuse(acks);
  const auto make = [&] { return WrittenTable::Make(*request, *in.table_id); };
  Produce(request, request->services().written->Get(request->database(), *in.table_id, make),
          std::move(in.buckets));
}

void ServeInitWriter(const RequestPtr& request) {
  Unary<pb::InitWriterRequest, pb::InitWriterAnswer>(
      request, [](const Request& asked, const pb::InitWriterRequest&, pb::InitWriterAnswer* out) {
        ARROW_ASSIGN_OR_RAISE(const WriterId id, asked.database().NewWriter(asked.caller()));
        out->set_writer_id(id.value);
        return Status::OK();
      });
}

}  // namespace firth::doors::fluss
