// What becomes of jobs and queries, as items that clients read: kept as values of the catalog, in
// the form in which they travel.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/clock.h"
#include "firth/doors/aws/instances.h"
#include "firth/doors/aws/json.h"

namespace firth::doors::aws {

json TextItem(std::string_view text);  // {"S": …}
json NumberItem(int64_t number);       // {"N": "…"}

/// One run of a job.
struct JobRun {
  std::string instance;
  std::string table_id = "-";
  std::string job_id;
  std::string run_id;
};

/// Thread-safe; reads block.
class Trackers {
 public:
  Trackers(catalog::Catalog* catalog, const Clock* clock) : catalog_(catalog), clock_(clock) {}

  /// The name of a query's item, and its changes: to a first state, unconditionally; from the item
  /// that this run last wrote, so that a later query of the same id is not disturbed.
  std::string QueryName(const std::string& instance, const std::string& query_id) const;
  json QueryItem(const std::string& query_id, std::string_view state,
                 std::optional<int64_t> rows = {}, const std::string& error = {}) const;

  /// The changes that record an event of a job: an item of its history, and the job's newest.
  Result<std::vector<catalog::ValueChange>> JobEvent(const JobRun& run, std::string_view type,
                                                     json attributes) const;

  struct Key {
    std::string hash;   // attribute names
    std::string range;  // "": none
  };
  static Key KeyOf(TrackerRole role);
  /// All items of a table whose hash attribute is `hash`, or all, by range attribute. At most
  /// `limit`.
  Result<std::vector<json>> Items(const InstanceTracker& table,
                                  const std::optional<std::string>& hash, int64_t limit) const;
  /// Remove items whose time has come.
  Status RemoveExpired() const;

 private:
  catalog::Catalog* const catalog_;
  const Clock* const clock_;
  mutable std::atomic<uint32_t> next_event_{0};  // tells events of one millisecond apart, in order
};

}  // namespace firth::doors::aws
