#include "firth/doors/fluss/properties.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "firth/common/text.h"
#include "firth/doors/fluss/errors.h"

namespace firth::doors::fluss {
namespace {

constexpr char kLifetime[] = "table.log.ttl";

enum class Kind { kBool, kInt, kDuration, kText, kWord };

/// One property. `words` are the values of a kWord, matched without case.
struct Property {
  const char* name;
  Kind kind;
  const char* otherwise;
  std::vector<std::string> words = {};
};

const std::vector<Property>& AllProperties() {
  static const std::vector<Property> all = {
      {"table.replication.factor", Kind::kInt, "1"},
      {"table.log.format", Kind::kWord, "ARROW", {"arrow", "indexed", "compacted"}},
      {"table.log.arrow.compression.type", Kind::kWord, "ZSTD", {"none", "lz4_frame", "zstd"}},
      {"table.log.arrow.compression.zstd.level", Kind::kInt, "3"},
      {kLifetime, Kind::kDuration, "7 d"},
      {"table.log.tiered.local-segments", Kind::kInt, "2"},
      {"table.kv.format", Kind::kWord, "COMPACTED", {"compacted", "indexed"}},
      {"table.kv.format-version", Kind::kInt, "2"},
      {"table.auto-partition.enabled", Kind::kBool, "false"},
      {"table.auto-partition.key", Kind::kText, ""},
      {"table.auto-partition.time-unit",
       Kind::kWord,
       "DAY",
       {"hour", "day", "month", "quarter", "year"}},
      {"table.auto-partition.time-zone", Kind::kText, "UTC"},
      {"table.auto-partition.num-precreate", Kind::kInt, "2"},
      {"table.auto-partition.num-retention", Kind::kInt, "7"},
      {"table.datalake.enabled", Kind::kBool, "false"},
      {"table.datalake.format", Kind::kWord, "", {"paimon", "lance", "iceberg"}},
      {"table.datalake.freshness", Kind::kDuration, "3 min"},
      {"table.datalake.auto-compaction", Kind::kBool, "false"},
      {"table.datalake.auto-expire-snapshot", Kind::kBool, "false"},
      {"table.merge-engine", Kind::kWord, "", {"first_row", "versioned", "aggregation"}},
      {"table.merge-engine.versioned.ver-column", Kind::kText, ""},
      {"table.delete.behavior", Kind::kWord, "", {"allow", "ignore", "disable"}},
      {"table.changelog.image", Kind::kWord, "FULL", {"full", "wal"}},
      {"table.auto-increment.cache-size", Kind::kInt, "100000"},
  };
  return all;
}

const Property* FindProperty(std::string_view name) {
  for (const Property& property : AllProperties()) {
    if (name == property.name) return &property;
  }
  return nullptr;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

Status Fault(const std::string& what) {
  return Refusal(Wire::kInvalidConfig, what);
}

bool CanRead(const Property& property, const std::string& value) {
  switch (property.kind) {
    case Kind::kBool:
      return Lower(value) == "true" || Lower(value) == "false";
    case Kind::kInt: {
      const Result<int64_t> number = ParseInt64(value);
      return number.ok() && *number >= INT32_MIN && *number <= INT32_MAX;
    }
    case Kind::kDuration:
      return ParseDuration(value).ok();
    case Kind::kText:
      return true;
    case Kind::kWord:
      return std::ranges::count(property.words, Lower(value)) > 0;
  }
  return false;
}

Status CheckValues(const Properties& properties) {
  for (const auto& [name, value] : properties) {
    const Property* property = FindProperty(name);
    if (property == nullptr) {
      return Fault("'" + name +
                   "' is not a table property of this server; own properties belong "
                   "among the custom properties");
    }
    if (!CanRead(*property, value)) {
      std::string words;
      for (const auto& word : property->words) words += (words.empty() ? "" : ", ") + word;
      return Fault("'" + value.substr(0, 64) + "' is not a value of '" + name + "'" +
                   (words.empty() ? "" : "; it takes one of: " + words));
    }
  }
  return Status::OK();
}

int64_t IntOf(const Properties& properties, std::string_view name) {
  return ParseInt64(PropertyOf(properties, name)).ValueOr(0);
}
std::string WordOf(const Properties& properties, std::string_view name) {
  return Lower(PropertyOf(properties, name));
}

Status CheckStorage(const Properties& properties, const TableShape& shape) {
  const int64_t replicas = IntOf(properties, "table.replication.factor");
  if (replicas < 1) {
    return Refusal(Wire::kInvalidReplicationFactor,
                   "Replication factor: " + std::to_string(replicas) + " must be at least 1.");
  }
  if (replicas > 1) {
    return Refusal(Wire::kInvalidReplicationFactor,
                   "Replication factor: " + std::to_string(replicas) +
                       " larger than available tablet servers: 1.");
  }
  const int64_t level = IntOf(properties, "table.log.arrow.compression.zstd.level");
  if (level < 1 || level > 22) {
    return Fault("'table.log.arrow.compression.zstd.level' must be from 1 to 22");
  }
  const std::string log_format = WordOf(properties, "table.log.format");
  if (shape.keyed && WordOf(properties, "table.kv.format") == "compacted" &&
      log_format == "indexed") {
    return Fault("a primary key table of kv format COMPACTED cannot have log format INDEXED");
  }
  const int64_t kv_version = IntOf(properties, "table.kv.format-version");
  if (kv_version < 1 || kv_version > 2) return Fault("'table.kv.format-version' must be 1 or 2");
  // Every table has its files here. Another lake's format would change how clients spread keys.
  if (properties.contains("table.datalake.format")) {
    return Refusal(Wire::kLakeNotConfigured,
                   "this server is its own lake; tables cannot be tiered to another one: leave "
                   "'table.datalake.format' unset");
  }
  return Status::OK();
}

Status CheckVersioned(const Properties& properties, const TableShape& shape) {
  const std::string column = PropertyOf(properties, "table.merge-engine.versioned.ver-column");
  if (column.empty()) {
    return Fault("the merge engine 'versioned' needs 'table.merge-engine.versioned.ver-column'");
  }
  const auto found = shape.column_types.find(column);
  if (found == shape.column_types.end()) {
    return Fault("the version column '" + column + "' is not a column of the table");
  }
  static const std::set<std::string> allowed = {"INTEGER", "BIGINT", "TIMESTAMP_WITHOUT_TIME_ZONE",
                                                "TIMESTAMP_WITH_LOCAL_TIME_ZONE"};
  if (!allowed.contains(found->second)) {
    return Fault("the version column '" + column +
                 "' must be INT, BIGINT, TIMESTAMP or "
                 "TIMESTAMP_LTZ, not " +
                 found->second);
  }
  return Status::OK();
}

Status CheckMerging(const Properties& properties, const TableShape& shape) {
  const std::string engine = WordOf(properties, "table.merge-engine");
  const std::string deletes = WordOf(properties, "table.delete.behavior");
  if (!shape.keyed) {
    if (!engine.empty()) return Fault("'table.merge-engine' is for primary key tables");
    if (!deletes.empty()) return Fault("'table.delete.behavior' is for primary key tables");
    return Status::OK();
  }
  if (engine == "versioned") ARROW_RETURN_NOT_OK(CheckVersioned(properties, shape));
  if ((engine == "first_row" || engine == "versioned") && deletes == "allow") {
    return Fault("the merge engine '" + engine +
                 "' cannot delete: 'table.delete.behavior' must "
                 "be ignore or disable");
  }
  if (engine == "aggregation" && WordOf(properties, "table.changelog.image") == "wal") {
    return Fault("the merge engine 'aggregation' needs 'table.changelog.image' full");
  }
  return Status::OK();
}

Status CheckAutoPartition(const Properties& properties, const TableShape& shape) {
  if (WordOf(properties, "table.auto-partition.enabled") != "true") return Status::OK();
  if (shape.partition_keys.empty()) {
    return Fault("'table.auto-partition.enabled' is for partitioned tables");
  }
  if (shape.partition_keys.size() > 1) {
    const std::string key = PropertyOf(properties, "table.auto-partition.key");
    if (std::ranges::count(shape.partition_keys, key) == 0) {
      return Refusal(Wire::kInvalidTable,
                     "a table of several partition keys needs 'table.auto-partition.key', which "
                     "names one of them");
    }
    if (properties.contains("table.auto-partition.num-precreate") &&
        IntOf(properties, "table.auto-partition.num-precreate") > 0) {
      return Fault(
          "partitions of several keys cannot be created ahead: "
          "'table.auto-partition.num-precreate' must be 0");
    }
  }
  return Status::OK();
}

int64_t UnitNs(std::string unit) {
  unit = Lower(unit);
  if (unit.size() > 2 && unit.ends_with('s')) unit.pop_back();
  static const std::map<std::string, int64_t> units = {
      {"", 1'000'000},
      {"ns", 1},
      {"nano", 1},
      {"nanosecond", 1},
      {"us", 1'000},
      {"\xC2\xB5s", 1'000},
      {"\xC2\xB5", 1'000},
      {"micro", 1'000},
      {"microsecond", 1'000},
      {"ms", 1'000'000},
      {"milli", 1'000'000},
      {"millisecond", 1'000'000},
      {"s", 1'000'000'000},
      {"sec", 1'000'000'000},
      {"second", 1'000'000'000},
      {"m", 60'000'000'000},
      {"min", 60'000'000'000},
      {"minute", 60'000'000'000},
      {"h", 3'600'000'000'000},
      {"hour", 3'600'000'000'000},
      {"d", 86'400'000'000'000},
      {"day", 86'400'000'000'000},
  };
  const auto found = units.find(unit);
  return found == units.end() ? 0 : found->second;
}

void ApplyCompression(const Properties& properties, catalog::EditionSpec* spec) {
  const std::string compression = WordOf(properties, "table.log.arrow.compression.type");
  spec->compression = compression == "lz4_frame" ? "lz4" : compression;
}

/// Nothing ends unless its owner asked: the default of seven days is reported and trims nothing.
Status ApplyLifetime(const Properties& properties, catalog::EditionSpec* spec) {
  spec->log_lifetime.duration_ns.reset();
  if (!properties.contains(kLifetime)) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const int64_t ttl_ns, ParseDuration(PropertyOf(properties, kLifetime)));
  if (ttl_ns > 0) spec->log_lifetime.duration_ns = ttl_ns;
  return Status::OK();
}

}  // namespace

Status CheckRowFormats(const Properties& properties, bool keyed) {
  if (WordOf(properties, "table.log.format") != "arrow") {
    return Fault("this server takes rows of logs in the format ARROW only, and the table's is " +
                 PropertyOf(properties, "table.log.format"));
  }
  if (keyed && WordOf(properties, "table.kv.format") != "compacted") {
    return Fault("this server takes keyed rows in the format COMPACTED only, and the table's is " +
                 PropertyOf(properties, "table.kv.format"));
  }
  return Status::OK();
}

Status CheckProperties(const Properties& properties, const TableShape& shape) {
  ARROW_RETURN_NOT_OK(CheckValues(properties));
  ARROW_RETURN_NOT_OK(CheckStorage(properties, shape));
  ARROW_RETURN_NOT_OK(CheckMerging(properties, shape));
  return CheckAutoPartition(properties, shape);
}

bool ShowsLake(const Properties& properties) {
  return WordOf(properties, "table.datalake.enabled") == "true";
}

std::string PropertyOf(const Properties& properties, std::string_view name) {
  const auto found = properties.find(std::string(name));
  if (found != properties.end()) return found->second;
  const Property* property = FindProperty(name);
  return property == nullptr ? "" : property->otherwise;
}

Status ApplyChange(const std::string& name, const Properties& properties,
                   catalog::EditionSpec* spec) {
  if (name.starts_with("table.log.arrow.compression.")) ApplyCompression(properties, spec);
  return name == kLifetime ? ApplyLifetime(properties, spec) : Status::OK();
}

Status ApplyProperties(const Properties& properties, catalog::EditionSpec* spec) {
  ApplyCompression(properties, spec);
  ARROW_RETURN_NOT_OK(ApplyLifetime(properties, spec));
  if (spec->key.empty()) return Status::OK();

  const std::string engine = WordOf(properties, "table.merge-engine");
  spec->merge = catalog::MergeRule::kLastWrite;
  if (engine == "first_row") spec->merge = catalog::MergeRule::kFirst;
  if (engine == "aggregation") spec->merge = catalog::MergeRule::kAggregate;
  if (engine == "versioned") {
    spec->merge = catalog::MergeRule::kGreatest;
    spec->merge_columns = {PropertyOf(properties, "table.merge-engine.versioned.ver-column")};
  }
  const bool wal = WordOf(properties, "table.changelog.image") == "wal";
  spec->image = wal ? catalog::LogImage::kAfter : catalog::LogImage::kFull;
  std::string deletes = WordOf(properties, "table.delete.behavior");
  if (deletes.empty()) deletes = engine.empty() ? "allow" : "ignore";
  spec->ignore_deletes = deletes == "ignore";
  spec->refuse_deletes = deletes == "disable";
  return Status::OK();
}

Properties DescribeSpec(const catalog::EditionSpec& spec) {
  Properties properties = {{"table.replication.factor", "1"}};
  if (spec.compression == "none") properties["table.log.arrow.compression.type"] = "NONE";
  if (spec.compression == "lz4") properties["table.log.arrow.compression.type"] = "LZ4_FRAME";
  if (spec.log_lifetime.duration_ns) {
    properties[kLifetime] = std::to_string(*spec.log_lifetime.duration_ns / 1'000'000) + " ms";
  }
  if (spec.key.empty()) return properties;
  properties["table.kv.format-version"] = "2";
  switch (spec.merge) {
    case catalog::MergeRule::kFirst:
      properties["table.merge-engine"] = "first_row";
      break;
    case catalog::MergeRule::kGreatest:
      // By record time there is no column to name; such a table is shown as one of last writes.
      if (spec.merge_columns.size() == 1) {
        properties["table.merge-engine"] = "versioned";
        properties["table.merge-engine.versioned.ver-column"] = spec.merge_columns[0];
      }
      break;
    case catalog::MergeRule::kAggregate:
      properties["table.merge-engine"] = "aggregation";
      break;
    case catalog::MergeRule::kNone:
    case catalog::MergeRule::kLastWrite:
      break;
  }
  if (spec.image != catalog::LogImage::kFull) properties["table.changelog.image"] = "wal";
  if (spec.ignore_deletes) properties["table.delete.behavior"] = "ignore";
  if (spec.refuse_deletes) properties["table.delete.behavior"] = "disable";
  return properties;
}

Result<int64_t> ParseDuration(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  const size_t last = text.find_last_not_of(' ');
  if (first != std::string_view::npos) text = text.substr(first, last - first + 1);
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const size_t unit = std::min(text.find_first_not_of(' ', digits), text.size());
  const Result<int64_t> number = ParseInt64(text.substr(0, digits));
  const int64_t unit_ns = UnitNs(std::string(text.substr(unit)));
  int64_t ns = 0;
  if (!number.ok() || unit_ns == 0) {
    return Fault("'" + std::string(text.substr(0, 64)) +
                 "' is not a duration; write one like '7 d'");
  }
  // Longer than the clock runs is for ever.
  if (__builtin_mul_overflow(*number, unit_ns, &ns)) return INT64_MAX;
  return ns;
}

}  // namespace firth::doors::fluss
