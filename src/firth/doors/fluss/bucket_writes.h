// What ProduceLog and PutKv have in common: records for several buckets come in one request, each
// bucket succeeds or fails by itself, and one answer tells them all.
#pragma once

#include <arrow/buffer.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "firth/doors/fluss/request.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

inline constexpr size_t kBucketWritesMax = size_t{1} << 16;

/// One bucket of a write.
struct BucketWrite {
  std::optional<int64_t> partition_id;
  int32_t bucket = 0;
  std::shared_ptr<arrow::Buffer> records;             // a slice of the request's frame
  std::optional<Result<table::AppendResult>> result;  // none until it is finished
};

/// Read one bucket's message (1 partition id, 2 bucket, 3 records); false if it is none.
bool ReadBucketWrite(const Request& request, Bytes message, BucketWrite* out);

/// Refuse acks that are none of -1, 0 and 1. Whichever it is, an answer means that it is durable.
Status CheckAcks(int32_t acks);

/// Collects what became of each bucket, and answers when all are known. Thread-safe.
class BucketWriteAnswers {
  struct ForMake {};

 public:
  /// The number that a success tells: where the batch begins, or where the log ends after it.
  enum Tells { kBaseOffset, kEndOffset };

  /// With no buckets it answers at once.
  static std::shared_ptr<BucketWriteAnswers> Make(RequestPtr request, Tells tells,
                                                  std::vector<BucketWrite> buckets);

  BucketWriteAnswers(ForMake, RequestPtr request, Tells tells, std::vector<BucketWrite> buckets);

  size_t size() const { return buckets_.size(); }
  BucketWrite& bucket(size_t i) { return buckets_[i]; }
  /// Say what became of bucket `i`; once each.
  void Finish(size_t i, const Result<table::AppendResult>& result);

 private:
  void Answer();

  const RequestPtr request_;
  const Tells tells_;
  std::vector<BucketWrite> buckets_;
  std::atomic<size_t> missing_;
};

}  // namespace firth::doors::fluss
