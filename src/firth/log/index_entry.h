// One entry's place, and what is known of it without reading it.
#pragma once

#include <climits>
#include <cstdint>

#include "firth/common/ids.h"
#include "firth/log/entry.h"

namespace firth::log {

struct IndexEntry {
  Offset base_offset;
  CommitId commit;
  int64_t commit_time_ns = 0;
  uint64_t record_at = 0;  // of its commit, in the file
  uint64_t body_at = 0;    // in the file
  uint64_t file = 0;
  uint64_t body_checksum = 0;
  int64_t record_time_min_ns = INT64_MAX;  // least > greatest: rows have their commit's time
  int64_t record_time_max_ns = INT64_MIN;
  uint32_t header_at = 0;  // of its entry header, from the start of the record
  uint32_t body_bytes = 0;
  uint32_t offsets = 0;
  uint32_t rows = 0;
  int32_t sequence = -1;
  WriterId writer_id = kNoWriter;
  SchemaId schema_id;
  EntryKind kind = EntryKind::kRows;
  bool has_side = false;  // side columns are to be read from the entry header

  Offset end_offset() const { return Offset(base_offset.value + offsets); }
};

}  // namespace firth::log
