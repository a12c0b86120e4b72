// Lookups, away from the threads that brought them: those that come together, and those that come
// while others are read, are read together.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/keyview/key_view.h"
#include "firth/table/database.h"
#include "firth/table/in_work.h"

namespace firth::table {

/// Canonical keys: where each ends in `bytes`.
struct CanonicalKeys {
  std::string bytes;
  std::vector<size_t> ends;
};

/// Thread-safe. What it is given must outlive it.
class LookupQueue {
 public:
  struct Ask {
    LogId log{0};
    CanonicalKeys canonical;
    FoundRowsDone done;  // called on `executor`
  };

  LookupQueue(keyview::KeyView* view, Executor* executor, const Clock* clock, InWork* in_work)
      : view_(view), executor_(executor), clock_(clock), in_work_(in_work) {}

  /// Does not block.
  void Add(Ask ask);

 private:
  /// Read some of those that wait, and come back while there are any.
  void Run();
  void Read(const std::vector<Ask>& asks);

  keyview::KeyView* const view_;
  Executor* const executor_;
  const Clock* const clock_;
  InWork* const in_work_;
  std::mutex mutex_;
  std::vector<Ask> waiting_;  // guarded by mutex_
  int running_ = 0;           // guarded by mutex_
  int64_t began_ns_ = 0;      // guarded by mutex_: when the last batch or thread began
};

}  // namespace firth::table
