// Lookups that need the disk: those that come while others are read are read together.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/executor.h"
#include "firth/keyview/key_view.h"
#include "firth/table/database.h"
#include "firth/table/in_work.h"

namespace firth::table {

/// Canonical keys, and the bytes that they point into.
struct CanonicalKeys {
  std::string bytes;
  std::vector<std::string_view> keys;
};

/// Thread-safe. What it is given must outlive it.
class LookupQueue {
 public:
  struct Ask {
    LogId log{0};
    std::shared_ptr<const CanonicalKeys> canonical;
    FoundRowsDone done;  // called on `readers`
  };

  LookupQueue(keyview::KeyView* view, Executor* readers, InWork* in_work)
      : view_(view), readers_(readers), in_work_(in_work) {}

  /// Does not block.
  void Add(Ask ask);

 private:
  /// Read some of those that wait, and come back while there are any.
  void Run();
  void Read(const std::vector<Ask>& asks);

  keyview::KeyView* const view_;
  Executor* const readers_;
  InWork* const in_work_;
  std::mutex mutex_;
  std::vector<Ask> waiting_;  // guarded by mutex_
  int running_ = 0;           // guarded by mutex_
};

}  // namespace firth::table
