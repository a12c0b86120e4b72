#include "firth/doors/fluss/auto_partition.h"

#include <arrow/compute/exec.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <optional>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/doors/fluss/table_json.h"

namespace firth::doors::fluss {
namespace {

constexpr int64_t kIntervalNs = int64_t{5} * 1'000'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kSecondsPerHour = 3600;
constexpr int64_t kHoursPerDay = 24;

using Unit = AutoPartition::Unit;

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Unit UnitOf(const std::string& word) {
  if (word == "hour") return Unit::kHour;
  if (word == "month") return Unit::kMonth;
  if (word == "quarter") return Unit::kQuarter;
  if (word == "year") return Unit::kYear;
  return Unit::kDay;
}

/// Seconds since the epoch of the wall clock in `zone`.
Result<int64_t> LocalSeconds(int64_t now_ns, const std::string& zone) {
  const auto now = std::make_shared<arrow::TimestampScalar>(
      now_ns / kNsPerSecond, arrow::timestamp(arrow::TimeUnit::SECOND, zone));
  auto local = arrow::compute::CallFunction("local_timestamp", {arrow::Datum(now)});
  if (!local.ok()) {
    return Error(Code::kInvalidArgument, Reason::kInvalidProperty,
                 "'" + zone.substr(0, 64) + "' is not a time zone that this machine knows");
  }
  return static_cast<const arrow::TimestampScalar&>(*local->scalar()).value;
}

std::string Format(const char* format, int64_t a, int64_t b = 0, int64_t c = 0, int64_t d = 0) {
  char text[64];
  std::snprintf(text, sizeof text, format, static_cast<int>(a), static_cast<int>(b),
                static_cast<int>(c), static_cast<int>(d));
  return text;
}

/// Is `value` a name of the same kind as `bound`, and before it?
bool IsBefore(const std::string& value, const std::string& bound) {
  return value.size() == bound.size() &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         value < bound;
}

}  // namespace

std::optional<AutoPartition> AutoPartitionOf(const Properties& properties,
                                             const std::vector<std::string>& partition_keys) {
  const auto word = [&](const char* name) { return PropertyOf(properties, name); };
  if (Lower(word("table.auto-partition.enabled")) != "true" || partition_keys.empty()) {
    return std::nullopt;
  }
  AutoPartition wanted;
  const auto key =
      std::find(partition_keys.begin(), partition_keys.end(), word("table.auto-partition.key"));
  if (key != partition_keys.end()) wanted.key = static_cast<size_t>(key - partition_keys.begin());
  wanted.unit = UnitOf(Lower(word("table.auto-partition.time-unit")));
  wanted.time_zone = word("table.auto-partition.time-zone");
  // Of several keys only one is known ahead.
  if (partition_keys.size() == 1) {
    wanted.precreate = ParseInt64(word("table.auto-partition.num-precreate")).ValueOr(0);
  }
  wanted.retention = ParseInt64(word("table.auto-partition.num-retention")).ValueOr(0);
  return wanted;
}

Result<std::string> PartitionName(const AutoPartition& wanted, int64_t now_ns, int64_t units) {
  using std::chrono::days;
  using std::chrono::floor;
  ARROW_ASSIGN_OR_RAISE(int64_t seconds, LocalSeconds(now_ns, wanted.time_zone));
  if (wanted.unit == Unit::kHour) seconds += units * kSecondsPerHour;
  if (wanted.unit == Unit::kDay) seconds += units * kSecondsPerHour * kHoursPerDay;
  const std::chrono::sys_seconds at{std::chrono::seconds(seconds)};
  const auto day = floor<days>(at);
  const std::chrono::year_month_day date(day);
  const int64_t year = static_cast<int>(date.year());
  const int64_t month = static_cast<unsigned>(date.month());
  const int64_t day_of_month = static_cast<unsigned>(date.day());
  switch (wanted.unit) {
    case Unit::kHour:
      return Format("%04d%02d%02d%02d", year, month, day_of_month,
                    (at - day).count() / kSecondsPerHour);
    case Unit::kDay:
      return Format("%04d%02d%02d", year, month, day_of_month);
    case Unit::kMonth: {
      const int64_t months = year * 12 + month - 1 + units;
      return Format("%04d%02d", months / 12, months % 12 + 1);
    }
    case Unit::kQuarter: {
      const int64_t quarters = year * 4 + (month - 1) / 3 + units;
      return Format("%04d%d", quarters / 4, quarters % 4 + 1);
    }
    case Unit::kYear:
      return Format("%04d", year + units);
  }
  FIRTH_CHECK(false);
  return std::string();
}

Status LookAfterPartitions(table::Database* database, const table::TablePtr& table) {
  const auto text = table->attributes.find(kPropertiesAttribute);
  if (text == table->attributes.end() || !table->current.has_value() ||
      text->second.find("table.auto-partition.enabled") == std::string::npos) {
    return Status::OK();
  }
  const auto wanted = AutoPartitionOf(PropertiesOf(*table), table->current->spec.partition_by);
  if (!wanted.has_value()) return Status::OK();
  const access::Caller internal = access::Internal();
  const int64_t now_ns = database->clock().NowNs();
  ARROW_ASSIGN_OR_RAISE(const auto partitions, database->ListPartitions(internal, *table));
  for (int64_t i = 0; i < wanted->precreate; ++i) {
    ARROW_ASSIGN_OR_RAISE(const std::string name, PartitionName(*wanted, now_ns, i));
    const bool there = std::any_of(
        partitions.begin(), partitions.end(),
        [&](const auto& partition) { return partition.values == std::vector<std::string>{name}; });
    if (there) continue;
    const Status made = database->CreatePartition(internal, *table, {name}).status();
    if (!made.ok() && ReasonOf(made) != Reason::kPartitionExists) return made;
  }
  if (wanted->retention < 1) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const std::string first,
                        PartitionName(*wanted, now_ns, -wanted->retention));
  for (const auto& partition : partitions) {
    if (!IsBefore(partition.values[wanted->key], first)) continue;
    const Status dropped = database->DropPartition(internal, *table, partition.values);
    if (!dropped.ok() && ReasonOf(dropped) != Reason::kPartitionNotFound) return dropped;
  }
  return Status::OK();
}

void AutoPartitions::LookAfterAll() {
  const auto tables = database_->ListTables(access::Internal(), Path{});
  if (!tables.ok()) return;
  for (const auto& table : *tables) {
    if (rounds_.IsStopped()) return;
    const Status done = LookAfterPartitions(database_, table);
    if (!done.ok() && CodeOf(done) != Code::kNotFound) {  // it may have been dropped meanwhile
      logging::Warning("fluss", "partitions of table '{}' are not looked after: {}",
                       table->path.ToString(), MessageOf(done));
    }
  }
}

void AutoPartitions::Start() {
  rounds_.Start(executor_, &database_->clock(), kIntervalNs, [this] { LookAfterAll(); });
}

void AutoPartitions::Stop() {
  rounds_.Stop();
}

}  // namespace firth::doors::fluss
