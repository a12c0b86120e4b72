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
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/wire.h"
#include "firth/doors/fluss/write_shape.h"

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

}  // namespace

void ServeProduceLog(const RequestPtr& request) {
  ProduceLog in;
  if (!ReadProduceLog(*request, &in)) {
    return request->Refuse(Wire::kCorruptRecord, "the ProduceLog request cannot be read");
  }
  if (const Status acks = CheckAcks(*in.acks); !acks.ok()) return request->Refuse(acks);
  const Result<TableById> table = TableById::FindWritable(*request, *in.table_id);
  const Result<WriteShape> shape =
      table.ok() ? WriteShape::Make(table->table()) : Result<WriteShape>(table.status());
  const auto answers =
      BucketWriteAnswers::Make(request, BucketWriteAnswers::kBaseOffset, std::move(in.buckets));
  for (size_t i = 0; i < answers->size(); ++i) {
    BucketWrite& bucket = answers->bucket(i);
    const auto where = shape.ok() ? table->Bucket(bucket.partition_id, bucket.bucket)
                                  : Result<table::BucketRef>(shape.status());
    if (!where.ok()) {
      answers->Finish(i, where.status());
      continue;
    }
    if (shape->Remakes()) {
      auto remade = shape->Remake(bucket.records);
      if (!remade.ok()) {
        answers->Finish(i, remade.status());
        continue;
      }
      bucket.records = std::move(*remade);
    }
    request->database().AppendBatch(
        request->caller(), table->table(), *where, std::move(bucket.records),
        [answers, i](const Result<table::AppendResult>& done) { answers->Finish(i, done); });
  }
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
