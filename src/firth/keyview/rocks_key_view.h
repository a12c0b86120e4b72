// The key view over RocksDB.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "firth/keyview/key_view.h"
#include "firth/keyview/rocks_generation.h"

namespace firth::keyview {

/// Apply and Reset are for the one writer; Drop and all reads are thread-safe.
class RocksKeyView final : public KeyView {
 public:
  static Result<std::unique_ptr<KeyView>> OpenAt(RocksPlace place, const KeyViewOptions& options);

  Status Apply(LogId log, const std::vector<Change>& changes, CommitId watermark) override;
  Status Drop(LogId log) override;
  CommitId watermark() const override { return CommitId(watermark_.load()); }
  Status Reset() override;
  Result<std::vector<std::optional<Row>>> Get(LogId log,
                                              const std::vector<std::string>& keys) override;
  Result<std::unique_ptr<KeyCursor>> Scan(LogId log, std::string_view from, std::string_view to,
                                          bool backwards) override;
  Result<std::shared_ptr<KeySnapshot>> TakeSnapshot() override;
  Status Export(const std::function<Status(const std::vector<ViewFile>&)>& take) override;
  LogSize Measure(LogId log) override;
  uint64_t EstimateKeys() override;
  uint64_t EstimateBytes() override;

 private:
  RocksKeyView(RocksPlace place, const KeyViewOptions& options,
               std::shared_ptr<RocksGeneration> generation)
      : place_(std::move(place)), options_(options), generation_(std::move(generation)) {
    watermark_ = generation_->watermark().value;
  }

  std::shared_ptr<RocksGeneration> generation() const {
    std::lock_guard lock(mutex_);
    return generation_;
  }

  const RocksPlace place_;
  const KeyViewOptions options_;
  std::atomic<int64_t> watermark_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<RocksGeneration> generation_;  // guarded by mutex_
};

}  // namespace firth::keyview
