// What a journal holds: commits of entries. The layout is in docs/formats/journal.md; the constants
// are in log/journal_format.h.
#pragma once

#include <arrow/buffer.h>

#include <climits>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"

namespace firth::log {

enum class EntryKind : uint8_t {
  kRows = 1,  // the body is a log batch (log/batch.h)
  kFile = 2,  // the body names a file, whose rows these are
  kMark = 3,  // the body says what the log's readers must do: reset, restore, delete a range
};

/// What a write meets at commit when it is part of a transaction: free meets nothing but exclusive,
/// ordered meets ordered, exclusive meets all.
enum class WriteClass : uint8_t { kFree = 0, kOrdered = 1, kExclusive = 2 };

/// One entry, before it is committed. The header fields are authoritative; the body's own header
/// agrees with them.
struct EntryDraft {
  LogId log;
  EntryKind kind = EntryKind::kRows;
  WriteClass write_class = WriteClass::kFree;
  SchemaId schema_id;
  uint32_t rows = 0;
  /// Offsets taken: the rows, 1 for the empty batch of a keyed write, 0 for a mark.
  uint32_t offsets = 0;
  WriterId writer_id = kNoWriter;
  int32_t sequence = -1;
  /// Least and greatest record time, ns; min > max says that rows have their commit's time.
  int64_t record_time_min_ns = INT64_MAX;
  int64_t record_time_max_ns = INT64_MIN;
  /// For kRows a whole batch; its first 25 bytes are patched while it is written, in a copy.
  std::shared_ptr<arrow::Buffer> body;
  /// Side columns (log/side.h), empty when there are none.
  std::string side;
};

/// What became of one entry.
struct EntryResult {
  Offset base_offset;
  Offset end_offset;
  bool duplicate = false;  // the writer had sent it before; this is the first answer
};

/// What became of a commit.
struct CommitResult {
  CommitId id;
  int64_t time_ns = 0;
  std::vector<EntryResult> entries;  // as many as drafts, in their order
};

/// The part of a commit that changes the catalog. The log carries it to the callback that reaches
/// the catalog and knows nothing of what is in it.
class CatalogPart {
 public:
  virtual ~CatalogPart() = default;
};

/// A commit on its way to the committer.
struct CommitDraft {
  std::vector<EntryDraft> entries;
  std::shared_ptr<CatalogPart> catalog;  // null: the commit point is the journal's sync
  /// Asked in the committer just before ids are given, in commit order; a status that is not OK is
  /// the commit's answer and nothing is written. May be empty. Must not block.
  std::function<Status()> check;
};

/// One stored entry as a reader gets it.
struct StoredEntry {
  LogId log;
  EntryKind kind = EntryKind::kRows;
  SchemaId schema_id;
  uint32_t rows = 0;
  uint32_t offsets = 0;
  Offset base_offset;
  CommitId commit;
  int64_t commit_time_ns = 0;
  WriterId writer_id = kNoWriter;
  int32_t sequence = -1;
  int64_t record_time_min_ns = INT64_MAX;
  int64_t record_time_max_ns = INT64_MIN;
  std::shared_ptr<arrow::Buffer> body;  // verified bytes, as stored
  std::string side;

  Offset end_offset() const { return Offset(base_offset.value + offsets); }
};

}  // namespace firth::log
