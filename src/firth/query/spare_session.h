// A session that waits for the next query: opening a DuckDB takes longer than a small query.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "firth/common/status.h"
#include "firth/query/query_engine.h"
#include "firth/query/session.h"

namespace firth::query {

/// Thread-safe. Nothing was ever run in a session that it gives.
class SpareSession {
 public:
  SpareSession() = default;
  ~SpareSession();
  SpareSession(const SpareSession&) = delete;
  SpareSession& operator=(const SpareSession&) = delete;

  /// A session with these limits: the one that waits, if it was made with such, else a new one. A
  /// thread makes the next. `spill_folder` is for this session alone, `next_spill_folder` for that.
  Result<std::unique_ptr<Session>> Take(const QueryLimits& limits, std::string spill_folder,
                                        std::string next_spill_folder);

 private:
  void Make(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::unique_ptr<Session> spare_;  // guarded by mutex_
  bool wanted_ = false;             // guarded by mutex_: one is to be made, with what follows
  QueryLimits limits_;              // guarded by mutex_
  std::string spill_folder_;        // guarded by mutex_
  std::jthread maker_;              // guarded by mutex_ until the end; begun by the first Take
};

}  // namespace firth::query
