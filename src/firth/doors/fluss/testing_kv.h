// Batches for PutKv, made from Arrow rows as a client would make them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"
#include "firth/schema/row.h"

namespace firth::doors::fluss {

/// Upserts of these rows, or, with `remove`, deletes of their keys; `key` are the columns that the
/// client puts into keys.
inline std::string KvBatchOf(const arrow::RecordBatch& rows, const std::vector<int>& key,
                             bool remove = false, int64_t writer = -1, int32_t sequence = -1) {
  const auto codec = *schema::RowCodec::Make(rows.schema());
  std::vector<std::string> encoded;
  std::vector<std::string> keys(static_cast<size_t>(rows.num_rows()));
  EXPECT_TRUE(codec->Encode(rows, &encoded).ok());
  EXPECT_TRUE(schema::AppendCompactKey(rows, key, &keys).ok());
  std::string tail;
  AppendLe(&tail, int16_t{1});
  AppendLe(&tail, int8_t{0});
  AppendLe(&tail, writer);
  AppendLe(&tail, sequence);
  AppendLe(&tail, static_cast<int32_t>(rows.num_rows()));
  for (size_t i = 0; i < keys.size(); ++i) {
    std::string record;
    AppendVarint(&record, keys[i].size());
    record += keys[i];
    if (!remove) record += encoded[i];
    AppendLe(&tail, static_cast<int32_t>(record.size()));
    tail += record;
  }
  constexpr int32_t kMagicAndChecksum = 5;
  std::string batch;
  AppendLe(&batch, static_cast<int32_t>(tail.size()) + kMagicAndChecksum);
  AppendLe(&batch, int8_t{0});
  AppendLe(&batch, Crc32c(AsBytes(tail)));
  return batch + tail;
}

}  // namespace firth::doors::fluss
