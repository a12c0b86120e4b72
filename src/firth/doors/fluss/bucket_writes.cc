#include "firth/doors/fluss/bucket_writes.h"

#include <string>
#include <utility>

#include "firth/doors/fluss/wire.h"

namespace firth::doors::fluss {

bool ReadBucketWrite(const Request& request, Bytes message, BucketWrite* out) {
  WireReader reader(message);
  bool has_bucket = false;
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        out->partition_id = reader.Int64();
        break;
      case 2:
        out->bucket = reader.Int32();
        has_bucket = true;
        break;
      case 3:
        out->records = request.Slice(reader.Run());
        break;
      default:
        break;
    }
  }
  return reader.ok() && has_bucket && out->records != nullptr;
}

Status CheckAcks(int32_t acks) {
  if (acks >= -1 && acks <= 1) return Status::OK();
  return Refusal(Wire::kInvalidAcks, "acks must be -1 (all), 0 or 1, not " + std::to_string(acks));
}

BucketWriteAnswers::BucketWriteAnswers(ForMake, RequestPtr request, Tells tells,
                                       std::vector<BucketWrite> buckets)
    : request_(std::move(request)),
      tells_(tells),
      buckets_(std::move(buckets)),
      missing_(buckets_.size()) {}

std::shared_ptr<BucketWriteAnswers> BucketWriteAnswers::Make(RequestPtr request, Tells tells,
                                                             std::vector<BucketWrite> buckets) {
  auto answers = std::make_shared<BucketWriteAnswers>(ForMake(), std::move(request), tells,
                                                      std::move(buckets));
  if (answers->buckets_.empty()) answers->Answer();
  return answers;
}

void BucketWriteAnswers::Finish(size_t i, const Result<table::AppendResult>& result) {
  buckets_[i].result = result;
  // The one that finishes last sees what all others wrote.
  if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1) Answer();
}

void BucketWriteAnswers::Answer() {
  // Message: repeated 1 bucket {1 partition id?, 2 bucket, 3 error code?, 4 text?, 5 offset?}.
  std::string message;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    std::string entry;
    if (buckets_[i].partition_id) PutInt(&entry, 1, *buckets_[i].partition_id);
    PutInt(&entry, 2, buckets_[i].bucket);
    const Result<table::AppendResult>& result = *buckets_[i].result;
    if (result.ok()) {
      const table::AppendResult& done = *result;
      PutInt(&entry, 5, tells_ == kBaseOffset ? done.base_offset.value : done.end_offset.value);
    } else {
      PutInt(&entry, 3, CodeFor(result.status(), Asked::kWrite));
      PutText(&entry, 4, MessageOf(result.status()));
    }
    PutText(&message, 1, entry);
  }
  request_->AnswerText(message);
}

}  // namespace firth::doors::fluss
