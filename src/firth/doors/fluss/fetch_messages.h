// FetchLog's messages, read and written by hand: the batches of an answer are sent from where they
// lie.
#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"

namespace firth::doors::fluss {

struct FetchLogBucket {
  std::optional<int64_t> partition_id;
  int32_t bucket = 0;
  int64_t offset = 0;
  int32_t bytes_max = 0;
};

struct FetchLogTable {
  int64_t table_id = 0;
  std::optional<std::vector<int>> columns;  // when projected
  std::vector<FetchLogBucket> buckets;
};

struct FetchLogRequest {
  int32_t bytes_max = 0;
  int32_t bytes_min = 1;
  int32_t wait_ms_max = 500;
  std::vector<FetchLogTable> tables;
};

/// Read hostile bytes; false if they are no request, or name more than 65,536 buckets.
bool ReadFetchLog(Bytes message, FetchLogRequest* out);

/// What a bucket is answered.
struct FetchedLogBucket {
  Status status;
  int64_t end_offset = 0;
  int64_t start_offset = 0;
  std::vector<std::shared_ptr<arrow::Buffer>> batches;
};

/// The answer's message in parts; `fetched` holds one entry for each bucket of each table, in
/// order.
std::vector<std::shared_ptr<arrow::Buffer>> WriteFetchLog(const FetchLogRequest& request,
                                                          std::vector<FetchedLogBucket> fetched);

}  // namespace firth::doors::fluss
