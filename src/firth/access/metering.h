// What was read, written and scanned, by whom and of what: counts by hour, by calendar month and by
// period of an account.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/status.h"

namespace firth::access {

struct Use {
  int64_t read_ops = 0, read_bytes = 0, read_records = 0;
  int64_t write_ops = 0, write_bytes = 0, write_records = 0;
  int64_t scan_ops = 0, scan_bytes = 0;

  Use& operator+=(const Use& other);
};

enum class Span { kHour, kMonth, kPeriod };

/// Length of a period; the first one begins when the account was made.
inline constexpr int64_t kPeriodNs = int64_t{31} * 24 * 3600 * 1'000'000'000;

/// Thread-safe. Counts are seen by the next call, and durable within a second or with Flush: what a
/// crash takes away is at most that second's.
class Metering {
 public:
  /// `executor` (may be null: only Flush writes) runs the writes.
  Metering(catalog::Catalog* catalog, const Clock* clock, Executor* executor);
  ~Metering();

  /// Add to what `name` used, now. `since_ns`: when the account was made.
  Status Add(const std::string& name, int64_t since_ns, const Use& use);
  /// What `name` used in its present period.
  Result<Use> InPeriod(const std::string& name, int64_t since_ns);
  /// Counts of hours or months that begin in [from, until), by their beginning, without empty ones.
  Result<std::vector<std::pair<int64_t, Use>>> List(const std::string& name, Span span,
                                                    int64_t from_ns, int64_t until_ns);
  /// Make all counts durable. Blocks.
  Status Flush();

  /// The beginning of the hour or calendar month, UTC, that holds `time_ns`.
  static int64_t BeginOf(Span span, int64_t time_ns);

 private:
  Result<Use*> Load(const std::string& key);
  void Schedule();

  catalog::Catalog* const catalog_;
  const Clock* const clock_;
  Executor* const executor_;
  struct Alive;
  const std::shared_ptr<Alive> alive_;
  std::mutex flush_mutex_;  // one flush at a time; taken before mutex_
  std::mutex mutex_;
  std::map<std::string, Use> counts_;  // guarded by mutex_; by the value's name
  std::set<std::string> changed_;      // guarded by mutex_
  bool scheduled_ = false;             // guarded by mutex_
};

}  // namespace firth::access
