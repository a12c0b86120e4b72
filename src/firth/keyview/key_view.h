// The key view: the current row of each key, of all keyed tables of a node, in one RocksDB without
// a write-ahead log of its own. Its files can be lost: the log, or a base and the log, makes them
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/ids.h"
#include "firth/common/status.h"

namespace firth::keyview {

/// A row as it is stored: a small header and the value, which is a schema id (16 bit,
/// little-endian) and a compact row.
struct Row {
  std::string value;
  CommitId commit;
  int64_t record_time_ns = 0;
};

/// One change of a key. No value: the key is gone.
struct Change {
  std::string key;  // canonical (schema/key.h)
  std::optional<Row> row;
};

struct KeyViewOptions {
  /// A folder of the operating system for the working files; empty: they are kept in memory.
  std::string folder;
  uint64_t cache_bytes = uint64_t{64} << 20;
  uint64_t memtable_bytes = uint64_t{32} << 20;
};

/// Rows of one log in key order, as they stood when the cursor was made. One thread at a time.
class KeyCursor {
 public:
  virtual ~KeyCursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  /// Valid until Next.
  virtual std::string_view key() const = 0;
  virtual Result<Row> row() const = 0;
  /// What went wrong while moving, if it is not valid.
  virtual Status status() const = 0;
};

/// The view as it stood when this was made, for any number of reads. Keeps the working files from
/// shrinking meanwhile. Thread-safe; may outlive the view's next Reset, not the view.
class KeySnapshot {
 public:
  virtual ~KeySnapshot() = default;
  /// As KeyView::Scan.
  virtual Result<std::unique_ptr<KeyCursor>> Scan(LogId log, std::string_view from,
                                                  std::string_view to, bool backwards) = 0;
};

/// Reads are thread-safe; there is one writer. Errors of every call: kChecksumMismatch where the
/// files are damaged (the way out is Reset and the log), kDiskFull, kIo.
class KeyView {
 public:
  /// Open the working files, or begin anew if they are absent or damaged (the watermark is then 0).
  /// Error kFolderInUse while another view has the folder.
  static Result<std::unique_ptr<KeyView>> Open(const KeyViewOptions& options);
  virtual ~KeyView() = default;

  /// Apply changes of one log and move the watermark, atomically. The watermark never goes back: a
  /// lower one leaves it where it is. Readers see the changes on return; a power cut may take back
  /// the latest calls, watermark and all, one by one from the end. So a commit that touches several
  /// logs must move the watermark with its last call only.
  virtual Status Apply(LogId log, const std::vector<Change>& changes, CommitId watermark) = 0;
  /// Remove all keys of a log.
  virtual Status Drop(LogId log) = 0;
  /// The commit up to which everything is absorbed.
  virtual CommitId watermark() const = 0;
  /// Forget everything, so that the log can be applied from its start.
  virtual Status Reset() = 0;

  /// One answer a key, in order.
  virtual Result<std::vector<std::optional<Row>>> Get(LogId log,
                                                      const std::vector<std::string>& keys) = 0;
  /// From `from` (inclusive; empty: the first) to `to` (exclusive; empty: the end), or the other
  /// way round, from the last below `to` down to `from`.
  virtual Result<std::unique_ptr<KeyCursor>> Scan(LogId log, std::string_view from,
                                                  std::string_view to, bool backwards) = 0;
  /// Made by the writer between two calls of Apply, it holds whole commits.
  virtual Result<std::shared_ptr<KeySnapshot>> TakeSnapshot() = 0;

  virtual uint64_t EstimateKeys() = 0;
  virtual uint64_t EstimateBytes() = 0;
};

}  // namespace firth::keyview
