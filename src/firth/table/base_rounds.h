// Keeps a view's base near the log: at intervals, and sooner when much was applied since the last,
// so that what must be read again after a start or a loss stays bounded.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/status.h"
#include "firth/table/in_work.h"

namespace firth::table {

/// Thread-safe.
class BaseRounds {
 public:
  struct Options {
    Executor* executor = nullptr;
    const Clock* clock = nullptr;
    int64_t interval_ns = 0;  // 0: no rounds
    uint64_t bytes_max = 0;
    const char* view = "";  // as the log names it
    std::function<Status()> cut;
  };
  explicit BaseRounds(Options options) : options_(std::move(options)) {}

  void Start();
  /// No round runs after this returned.
  void Stop();
  /// So many bytes were applied to the view. Does not block.
  void Applied(uint64_t bytes);
  /// Was anything applied since the last base?
  bool Behind() const { return bytes_.load() > 0; }

 private:
  struct Shared {
    std::mutex mutex;
    bool stopped = false;  // guarded by mutex
    uint64_t timer = 0;    // guarded by mutex
    InWork in_work;
  };

  void Schedule();
  /// Run a round unless stopped.
  std::function<void()> Round(bool timed);
  void CutNow();

  const Options options_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::atomic<uint64_t> bytes_{0};
  std::atomic<bool> asked_{false};
};

}  // namespace firth::table
