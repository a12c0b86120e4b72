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
#include "firth/keyview/key_state.h"

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

/// A file of the view as it stands on disk.
struct ViewFile {
  std::string name;
  uint64_t bytes = 0;
  /// Of a file that never changes: Hash64 of its bytes, as it was taken while they were written.
  std::optional<uint64_t> hash;
  /// Where it lies in the operating system; empty: in memory.
  std::string os_path;
  std::function<Result<std::string>()> read;
};

/// Where a view's files come from when its working files are lost. Thread-safe.
class BaseSource {
 public:
  /// A folder to be filled.
  struct Place {
    std::string os_folder;  // empty: it is in memory
    std::function<Status(const std::string& name, const std::string& bytes)> write;
  };
  virtual ~BaseSource() = default;
  /// The commit up to which the base holds everything; 0: there is none.
  virtual CommitId commit() const = 0;
  /// Put all files of the base into an empty folder. Errors: kChecksumMismatch and kFileMissing for
  /// a damaged base, kDiskFull, kIo.
  virtual Status Fill(const Place& place) = 0;
};

struct KeyViewOptions {
  /// A folder of the operating system for the working files; empty: they are kept in memory.
  std::string folder;
  /// Rows that are kept in memory, and those of them that may wait to be written: twice as many
  /// while they are written.
  uint64_t rows_bytes = uint64_t{96} << 20;
  uint64_t unwritten_bytes = uint64_t{16} << 20;
  /// Blocks of files.
  uint64_t cache_bytes = uint64_t{32} << 20;
  /// RocksDB's own memory for what is being written, few rows at a time.
  uint64_t memtable_bytes = uint64_t{8} << 20;

  /// Share all memory that the view may take among these. Rows get most of it: they are held more
  /// densely than blocks, of which only a part is asked for.
  void SetMemory(uint64_t bytes);
  uint64_t memory_bytes() const { return rows_bytes + cache_bytes + memtable_bytes; }
  /// Used when the working files are absent, damaged or older; may be null.
  BaseSource* bases = nullptr;
  /// Working files that know later commits belong to another history and are not used.
  CommitId commit_max{INT64_MAX};
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

/// How much of a log the view holds.
struct LogSize {
  uint64_t rows = 0;
  uint64_t bytes = 0;  // on disk and in memory, about
  bool exact = true;   // is `rows` counted? else it is estimated
};

/// Reads are thread-safe; there is one writer. Errors of every call: kChecksumMismatch where the
/// files are damaged (the way out is Reset and the log), kDiskFull, kIo.
class KeyView {
 public:
  /// Open the working files; or, if they are absent, damaged, older than the base or of another
  /// history, begin with the base's; or without one anew (the watermark is then 0). Error
  /// kFolderInUse while another view has the folder.
  static Result<std::unique_ptr<KeyView>> Open(const KeyViewOptions& options);
  virtual ~KeyView() = default;

  /// Apply changes of one log, at most one a key, and move the watermark, atomically. The watermark
  /// never goes back: a lower one leaves it where it is. Readers see the changes on return; a power
  /// cut may take back the latest calls, watermark and all, one by one from the end. So a commit
  /// that touches several logs must move the watermark with its last call only. Blocks while more
  /// waits to be written than may.
  virtual Status Put(LogId log, const std::vector<KeyStatePtr>& changes, CommitId watermark) = 0;
  /// The same; of several changes of a key the last counts.
  Status Apply(LogId log, const std::vector<Change>& changes, CommitId watermark);
  /// Remove all keys of a log.
  virtual Status Drop(LogId log) = 0;
  /// The commit up to which everything is absorbed.
  virtual CommitId watermark() const = 0;
  /// Forget everything, so that the log can be applied from its start.
  virtual Status Reset() = 0;

  /// What each key holds, in order, all at one instant; null: nothing. With `keep`, what had to be
  /// read is kept in memory for the next who asks.
  virtual Result<std::vector<KeyStatePtr>> Find(LogId log,
                                                const std::vector<std::string_view>& keys,
                                                bool keep) = 0;
  /// Copies of the rows.
  Result<std::vector<std::optional<Row>>> Get(LogId log, const std::vector<std::string>& keys);
  /// From `from` (inclusive; empty: the first) to `to` (exclusive; empty: the end), or the other
  /// way round, from the last below `to` down to `from`.
  virtual Result<std::unique_ptr<KeyCursor>> Scan(LogId log, std::string_view from,
                                                  std::string_view to, bool backwards) = 0;
  /// Made by the writer between two calls of Apply, it holds whole commits.
  virtual Result<std::shared_ptr<KeySnapshot>> TakeSnapshot() = 0;

  /// Write what is in memory only to files, and hand all files to `take`, which may read or link
  /// them: none is changed or removed until it returns. They hold at least what the watermark says
  /// before the call. Blocks; writers and readers go on.
  virtual Status Export(const std::function<Status(const std::vector<ViewFile>&)>& take) = 0;

  /// Memory of what is not in files yet. Does not block for long.
  virtual uint64_t UnwrittenBytes() const = 0;
  /// Counts up to some tens of thousands of rows.
  virtual LogSize Measure(LogId log) = 0;
  virtual uint64_t EstimateKeys() = 0;
  virtual uint64_t EstimateBytes() = 0;
};

}  // namespace firth::keyview
