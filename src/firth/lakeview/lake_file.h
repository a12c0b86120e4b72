// One file of a lake: rows of one log, sorted. Immutable.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::lakeview {

/// What a manifest says of a file.
struct LakeFileInfo {
  int64_t number = 0;  // never used twice in a store; the file's name
  uint64_t bytes = 0;
  uint64_t hash = 0;  // XXH3-64 of all its bytes
  int64_t rows = 0;
  SchemaId schema_id;  // its columns are those of this schema of the edition
  LogId log;
  Offset begin;  // it holds every row of the log in [begin, end)
  Offset end;
  CommitId first_commit{0};  // of its rows
  CommitId last_commit{0};
  int64_t first_time_ns = 0;
  int64_t last_time_ns = 0;
  int64_t added = 0;  // by the snapshot with this id
  int level = 0;      // how often its rows were merged
  /// Least and greatest key of its rows (schema/key.h), cut to kKeyBytesMax: the least is not above
  /// any row's key; the greatest, if it is not empty, not below any. Empty where rows are in log
  /// order.
  std::string least_key;
  std::string greatest_key;
  /// Columns whose timestamps are stored as numbers (stored_types.h).
  std::set<int32_t> far_times;
  /// The key of the first row of each row group, cut likewise.
  std::vector<std::string> group_keys;
};

inline constexpr size_t kKeyBytesMax = 128;
/// Rows of each row group of a file but the last.
inline constexpr int64_t kRowGroupRows = 122'880;

/// Ascending ranges of keys [from, to) that do not touch; an empty `to`: to the end.
using KeySpans = std::vector<std::pair<std::string, std::string>>;

/// The row groups of a sorted file that may have keys in [from, to); an empty `to`: to the end.
/// All, where keys of groups are not known.
std::vector<int> GroupsIn(const LakeFileInfo& info, std::string_view from, std::string_view to);

/// The name of a lake file with this number, without the folder.
std::string LakeFileName(int64_t number);
/// 16 hex digits, so that names sort as numbers do.
std::string Hex16(int64_t number);

/// A file that somebody reads or a snapshot names. When it is doomed, it is removed with its last
/// holder. Thread-safe.
class LakeFile {
 public:
  LakeFile(store::FileSystem* files, std::string at, LakeFileInfo what)
      : info(std::move(what)), path(std::move(at)), files_(files) {}
  ~LakeFile();
  LakeFile(const LakeFile&) = delete;
  LakeFile& operator=(const LakeFile&) = delete;

  /// Check length and hash against the manifest, once; later calls give the first answer. Blocks.
  /// Errors: kDataLoss / kChecksumMismatch or kFileMissing, which name the file.
  Status Verify() const;
  /// It was just written here, so its bytes are known.
  void SetVerified() const;
  /// Does nothing that lasts name it, or no longer?
  void SetDoomed(bool doomed) const { doomed_ = doomed; }

  const LakeFileInfo info;
  const std::string path;  // in the file system

 private:
  store::FileSystem* const files_;
  mutable std::atomic<bool> doomed_ = false;
  mutable std::mutex mutex_;  // held while the file is hashed: who else wants to know has to wait
  mutable bool checked_ = false;   // guarded by mutex_
  mutable Status checked_status_;  // guarded by mutex_
};
using LakeFilePtr = std::shared_ptr<const LakeFile>;

}  // namespace firth::lakeview
