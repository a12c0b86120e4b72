// Side columns of entries: facts about runs of rows that the rows themselves do not hold.
//
// Layout (little-endian): u8 version, 1; u32 runs; for each run 16 bytes series, i64 revision, u32
// rows, u8 flags (1 = the points that were there at the run's times are removed first). A mark of
// the kind "points removed": u8 version, 1; u8 kind, 1; 16 bytes series; i64 revision; i64 start;
// i64 end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::log {

/// Rows of an entry that one insert made, in order.
struct InsertRun {
  std::string series;  // 16 bytes
  int64_t revision = 0;
  uint32_t rows = 0;
  bool replace = false;
};

/// A range of time that was removed from a series: the body of a mark.
struct RemovedRange {
  std::string series;  // 16 bytes
  int64_t revision = 0;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
};

std::string EncodeInsertRuns(const std::vector<InsertRun>& runs);
/// Error kDataLoss for bytes that EncodeInsertRuns did not write.
Result<std::vector<InsertRun>> ParseInsertRuns(std::string_view side);

std::string EncodeRemovedRange(const RemovedRange& range);
Result<RemovedRange> ParseRemovedRange(std::string_view body);

}  // namespace firth::log
