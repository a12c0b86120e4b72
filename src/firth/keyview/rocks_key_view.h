// The key view over RocksDB.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "firth/keyview/key_view.h"
#include "firth/keyview/rocks_generation.h"
#include "firth/keyview/rows_in_front.h"

namespace firth::keyview {

/// Put and Reset are for the one writer; Drop and all reads are thread-safe.
///
/// Changes gather in memory (rows_in_front.h), the later of a key in the place of the earlier, and
/// go to RocksDB many at a time in the order of their keys, with the watermark that they reach. On
/// disk that is done in the background; a writer that is faster waits.
///
/// Order of mutexes: write_mutex_, put_mutex_, mutex_. Over I/O only write_mutex_ is held, and
/// put_mutex_ by a reader whom writers kept from seeing one instant.
class RocksKeyView final : public KeyView {
 public:
  static Result<std::unique_ptr<KeyView>> OpenAt(RocksPlace place, const KeyViewOptions& options);
  ~RocksKeyView() override;

  Status Put(LogId log, const std::vector<KeyStatePtr>& changes, CommitId watermark) override;
  Status Drop(LogId log) override;
  CommitId watermark() const override { return CommitId(watermark_.load()); }
  Status Reset() override;
  Result<std::vector<KeyStatePtr>> Find(LogId log, const std::vector<std::string_view>& keys,
                                        bool keep) override;
  Result<std::unique_ptr<KeyCursor>> Scan(LogId log, std::string_view from, std::string_view to,
                                          bool backwards) override;
  Result<std::shared_ptr<KeySnapshot>> TakeSnapshot() override;
  Status Export(const std::function<Status(const std::vector<ViewFile>&)>& take) override;
  uint64_t UnwrittenBytes() const override;
  LogSize Measure(LogId log) override;
  uint64_t EstimateKeys() override;
  uint64_t EstimateBytes() override;

 private:
  RocksKeyView(RocksPlace place, const KeyViewOptions& options,
               std::shared_ptr<RocksGeneration> generation)
      : place_(std::move(place)),
        options_(options),
        unwritten_max_(options.unwritten_bytes),
        rows_(options.rows_bytes),
        generation_(std::move(generation)) {
    watermark_ = generation_->watermark().value;
    watermark_written_ = generation_->watermark().value;
  }

  /// Give everything that was put before the call to RocksDB.
  Status WriteOut();
  /// Do so for one log's sake.
  Status WriteOut(LogId log);
  /// Before more is put.
  Status MakeRoom();
  void WriteInBackground();
  /// Complete `found` from RocksDB.
  Status Read(const RocksGeneration& generation, LogId log,
              const std::vector<std::string_view>& keys, RowsInFront::Found* found,
              std::vector<KeyStatePtr>* read);

  std::shared_ptr<RocksGeneration> generation() const {
    std::lock_guard lock(mutex_);
    return generation_;
  }

  const RocksPlace place_;
  const KeyViewOptions options_;
  const uint64_t unwritten_max_;
  std::atomic<int64_t> watermark_{0};
  std::mutex write_mutex_;
  std::vector<KeyStatePtr> not_written_;  // guarded by write_mutex_: taken, and then it failed
  std::atomic<uint64_t> taken_bytes_{0};  // taken to be written, and not yet in RocksDB
  int64_t watermark_written_ = 0;         // guarded by write_mutex_
  std::mutex put_mutex_;
  RowsInFront rows_;  // its writer has put_mutex_
  std::mutex background_mutex_;
  std::condition_variable background_done_;
  bool in_background_ = false;  // guarded by background_mutex_
  std::thread background_;      // the writer's: writes out, and ends
  Status background_failed_;    // guarded by background_mutex_
  mutable std::mutex mutex_;
  std::shared_ptr<RocksGeneration> generation_;  // guarded by mutex_
};

}  // namespace firth::keyview
