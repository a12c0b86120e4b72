// Partitions by time that make and drop themselves, as a table's `table.auto-partition.*` ask.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/executor.h"
#include "firth/common/status.h"
#include "firth/doors/fluss/properties.h"
#include "firth/table/database.h"
#include "firth/table/rounds.h"

namespace firth::doors::fluss {

/// What a table asks for.
struct AutoPartition {
  enum class Unit { kHour, kDay, kMonth, kQuarter, kYear };
  size_t key = 0;  // index among the partition keys
  Unit unit = Unit::kDay;
  std::string time_zone;
  int64_t precreate = 0;  // from the current unit on
  int64_t retention = 0;  // units before the current one that stay; below 1: all
};

/// nullopt when the table asks for nothing of the kind.
std::optional<AutoPartition> AutoPartitionOf(const Properties& properties,
                                             const std::vector<std::string>& partition_keys);

/// The name of the unit that `now_ns` lies in, in the table's time zone, moved on by `units`: yyyy,
/// yyyyQ, yyyyMM, yyyyMMdd or yyyyMMddHH. Error kInvalidProperty for a time zone that is not known.
Result<std::string> PartitionName(const AutoPartition& wanted, int64_t now_ns, int64_t units);

/// Make and drop what a table asks for. Blocks.
Status LookAfterPartitions(table::Database* database, const table::TablePtr& table);

/// Looks after all tables from time to time. Thread-safe.
class AutoPartitions {
 public:
  AutoPartitions(table::Database* database, Executor* executor)
      : database_(database), executor_(executor) {}

  void Start();
  /// No look runs after this returned.
  void Stop();

 private:
  void LookAfterAll();

  table::Database* const database_;
  Executor* const executor_;
  table::Rounds rounds_;
};

}  // namespace firth::doors::fluss
