// One RocksDB of the key view: from an empty beginning until the view is reset or found damaged.
//
// A generation has a folder of its own, "keys-<number>", in the view's folder, and the highest
// number is the one in force. So a view begins anew beside the old files, while cursors still read
// those; they are removed when the last of them is gone, or at the next start. Nothing else in the
// view's folder is ever touched.
//
// There is no write-ahead log. All keys and the watermark live in one column family: a batch lies
// in one memtable whole, memtables are flushed whole and oldest first, and a flush counts when the
// manifest names it. So does a file that is taken in whole, before which what came earlier is
// flushed. So what is on disk is, at every instant, the state after the first n batches
// for some n, and the watermark found there tells which. What came later is in the table's log.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/keyview/key_view.h"
#include "firth/keyview/merge_pace.h"

namespace firth::keyview {

/// Where generations live.
struct RocksPlace {
  std::shared_ptr<rocksdb::Env> env;
  std::string folder;
  bool to_disk = false;        // else the environment keeps files in memory
  bool flush_at_close = true;  // false: what a power cut leaves
};

class RocksGeneration {
 public:
  /// While some are merged so many more may come, without which writers would have to wait.
  static constexpr int kFilesWhileMerging = 10;

  /// Make an empty generation, its version and its watermark 0 on disk on return.
  static Result<std::shared_ptr<RocksGeneration>> Create(const RocksPlace& place,
                                                         const KeyViewOptions& options,
                                                         uint64_t number);
  /// Make one of a base's files. Errors as of BaseSource::Fill; kChecksumMismatch too if they are
  /// no view, or one that has absorbed less than the base says.
  static Result<std::shared_ptr<RocksGeneration>> CreateFrom(const RocksPlace& place,
                                                             const KeyViewOptions& options,
                                                             uint64_t number);
  /// Open one that is there. Null if it is damaged, or of another version or nature, with the cause
  /// in `*damage`. Errors: kFolderInUse, kIo.
  static Result<std::shared_ptr<RocksGeneration>> Open(const RocksPlace& place,
                                                       const KeyViewOptions& options,
                                                       uint64_t number, std::string* damage);
  ~RocksGeneration();

  /// Let the files go with the last owner.
  void EndLife() { over_ = true; }

  /// A file was put beside those that are to be merged: merge as fast as they come. For one thread
  /// at a time.
  void PaceMerging(int64_t now_ns);

  rocksdb::DB* db() const { return db_.get(); }
  uint64_t number() const { return number_; }
  const std::string& folder() const { return folder_; }
  /// As it stood when this was opened.
  CommitId watermark() const { return watermark_; }

 private:
  RocksGeneration(const RocksPlace& place, uint64_t number);
  rocksdb::Status OpenFiles(const RocksPlace& place, const KeyViewOptions& options, bool create);
  Status WriteFirst();
  Status ReadOwn(std::string* damage);

  const std::shared_ptr<rocksdb::Env> env_;
  const std::string folder_;
  const uint64_t number_;
  std::unique_ptr<rocksdb::DB> db_;
  CommitId watermark_{0};
  MergePace pace_{kFilesWhileMerging};
  std::atomic<bool> over_{false};
};

/// The numbers of the generations in `place`, ascending.
Result<std::vector<uint64_t>> ListGenerations(const RocksPlace& place);
Status RemoveGeneration(const RocksPlace& place, uint64_t number);

}  // namespace firth::keyview
