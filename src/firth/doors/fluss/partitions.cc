// Partitions by name.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/names.h"

namespace firth::doors::fluss {
namespace {

using Spec = std::map<std::string, std::string>;

Result<Spec> ReadSpec(const pb::PartitionSpec& in) {
  Spec spec;
  for (const auto& pair : in.values()) {
    if (!spec.emplace(pair.key(), pair.value()).second) {
      return Refusal(Wire::kInvalidPartition,
                     "the partition key '" + pair.key().substr(0, 64) + "' is given twice");
    }
  }
  return spec;
}

Result<table::TablePtr> FindPartitioned(const Request& request, const pb::TableName& name) {
  const TableNames names{name.database(), name.table()};
  ARROW_ASSIGN_OR_RAISE(auto table, FindTable(request, names));
  if (table->current->spec.partition_by.empty()) {
    return Error(Code::kInvalidArgument, Reason::kNotPartitioned,
                 "Table '" + names.ToString() + "' is not a partitioned table.");
  }
  return table;
}

/// The values in key order. The spec must hold exactly the partition keys.
Result<std::vector<std::string>> ValuesOf(const table::TableInfo& table, const Spec& spec) {
  std::vector<std::string> values;
  for (const auto& key : table.current->spec.partition_by) {
    const auto found = spec.find(key);
    if (found == spec.end()) {
      return Refusal(Wire::kInvalidPartition, "the partition spec lacks the key '" + key + "'");
    }
    values.push_back(found->second);
  }
  if (spec.size() != values.size()) {
    return Refusal(Wire::kInvalidPartition, "the partition spec has " +
                                                std::to_string(spec.size()) + " keys, the table " +
                                                std::to_string(values.size()));
  }
  return values;
}

std::string Describe(const TableNames& names, const table::TableInfo& table,
                     const std::vector<std::string>& values) {
  std::string spec;
  for (size_t i = 0; i < values.size(); ++i) {
    spec += (i > 0 ? "," : "") + table.current->spec.partition_by[i] + "=" + values[i];
  }
  return "Table partition '" + names.ToString() + "(" + spec + ")'";
}

Status BadValue(const std::string& value, const std::string& fault) {
  return Refusal(Wire::kInvalidPartition,
                 "the partition value '" + value.substr(0, 64) + "' is invalid: " + fault);
}

Status CreatePartition(const Request& request, const pb::PartitionRequest& in, pb::Empty*) {
  ARROW_ASSIGN_OR_RAISE(const auto table, FindPartitioned(request, in.table()));
  ARROW_ASSIGN_OR_RAISE(const Spec spec, ReadSpec(in.spec()));
  ARROW_ASSIGN_OR_RAISE(const auto values, ValuesOf(*table, spec));
  for (const auto& value : values) {
    const std::string fault = NameFault(value);
    if (!fault.empty()) return BadValue(value, fault);
  }
  const Status created =
      request.database().CreatePartition(request.caller(), *table, values).status();
  if (ReasonOf(created) != Reason::kPartitionExists) return created;
  if (in.ignore()) return Status::OK();
  return Refusal(Wire::kPartitionExists,
                 Describe(NamesOf(table->path), *table, values) + " already exists.");
}

/// Do clients know the stored values by these names?
bool Shown(const std::vector<std::string>& stored, const std::vector<std::string>& asked) {
  return std::equal(stored.begin(), stored.end(), asked.begin(), asked.end(),
                    [](const auto& a, const auto& b) { return PartitionValueName(a) == b; });
}

Status DropPartition(const Request& request, const pb::PartitionRequest& in, pb::Empty*) {
  ARROW_ASSIGN_OR_RAISE(const auto table, FindPartitioned(request, in.table()));
  ARROW_ASSIGN_OR_RAISE(const Spec spec, ReadSpec(in.spec()));
  ARROW_ASSIGN_OR_RAISE(const auto values, ValuesOf(*table, spec));
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        request.database().ListPartitions(request.caller(), *table));
  Status dropped = Error(Code::kNotFound, Reason::kPartitionNotFound, "");
  for (const auto& partition : partitions) {
    if (Shown(partition.values, values)) {
      dropped = request.database().DropPartition(request.caller(), *table, partition.values);
    }
  }
  if (ReasonOf(dropped) != Reason::kPartitionNotFound) return dropped;
  for (const auto& value : values) {
    // Reserved names are names: there is only no partition that has one.
    const std::string fault = value.starts_with("__") ? "" : NameFault(value);
    if (!fault.empty()) return BadValue(value, fault);
  }
  if (in.ignore()) return Status::OK();
  return Refusal(Wire::kPartitionNotFound,
                 Describe(NamesOf(table->path), *table, values) + " does not exist.");
}

/// A partial spec filters: its keys must be the table's, its values are compared as shown.
Status ListPartitions(const Request& request, const pb::ListPartitionsRequest& in,
                      pb::ListPartitionsAnswer* out) {
  ARROW_ASSIGN_OR_RAISE(const auto table, FindPartitioned(request, in.table()));
  ARROW_ASSIGN_OR_RAISE(Spec wanted, ReadSpec(in.partial()));
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        request.database().ListPartitions(request.caller(), *table));
  const auto& keys = table->current->spec.partition_by;
  for (const auto& [key, value] : wanted) {
    if (std::ranges::find(keys, key) == keys.end()) {
      return Refusal(Wire::kInvalidPartition,
                     "'" + key.substr(0, 64) + "' is not a partition key of the table");
    }
  }
  for (const auto& partition : partitions) {
    pb::PartitionEntry entry;
    entry.set_id(partition.id.value);
    bool fits = true;
    for (size_t i = 0; i < keys.size() && i < partition.values.size(); ++i) {
      const std::string shown = PartitionValueName(partition.values[i]);
      const auto filter = wanted.find(keys[i]);
      fits = fits && (filter == wanted.end() || filter->second == shown);
      auto* pair = entry.mutable_spec()->add_values();
      pair->set_key(keys[i]);
      pair->set_value(shown);
    }
    if (fits) *out->add_partitions() = std::move(entry);
  }
  return Status::OK();
}

}  // namespace

void ServeListPartitions(const RequestPtr& request) {
  Unary<pb::ListPartitionsRequest, pb::ListPartitionsAnswer>(request, &ListPartitions);
}
void ServeCreatePartition(const RequestPtr& request) {
  Unary<pb::PartitionRequest, pb::Empty>(request, &CreatePartition);
}
void ServeDropPartition(const RequestPtr& request) {
  Unary<pb::PartitionRequest, pb::Empty>(request, &DropPartition);
}

}  // namespace firth::doors::fluss
