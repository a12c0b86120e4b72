#include "firth/catalog/cache.h"

#include <algorithm>
#include <numeric>

namespace firth::catalog {

PartitionList::PartitionList(std::vector<PartitionInfo> partitions)
    : all_(std::move(partitions)), by_values_(all_.size()) {
  std::iota(by_values_.begin(), by_values_.end(), size_t{0});
  std::sort(by_values_.begin(), by_values_.end(),
            [this](size_t a, size_t b) { return all_[a].values < all_[b].values; });
}

const PartitionInfo* PartitionList::Find(const std::vector<std::string>& values) const {
  const auto found = std::lower_bound(
      by_values_.begin(), by_values_.end(), values,
      [this](size_t index, const auto& wanted) { return all_[index].values < wanted; });
  if (found == by_values_.end() || all_[*found].values != values) return nullptr;
  return &all_[*found];
}

TablePtr Cache::FindTable(TableId id) {
  const TablePtr* table = tables_.Find(id);
  return table == nullptr ? nullptr : *table;
}

TablePtr Cache::FindTable(const Path& path) {
  const TableId* id = paths_.Find(path.ToString());
  TablePtr table = id == nullptr ? nullptr : FindTable(*id);
  if (table != nullptr && table->path != path) table.reset();
  return table;
}

void Cache::Put(const TablePtr& table) {
  tables_.Put(table->id, table);
  paths_.Put(table->path.ToString(), table->id);
}

void Cache::Forget(TableId id) {
  const TablePtr table = FindTable(id);
  if (table == nullptr) return;
  paths_.Erase(table->path.ToString());
  tables_.Erase(id);
}

EditionPtr Cache::FindEdition(EditionId id) {
  const EditionPtr* edition = editions_.Find(id);
  return edition == nullptr ? nullptr : *edition;
}

PartitionsPtr Cache::FindPartitions(EditionId edition) {
  const PartitionsPtr* partitions = partitions_.Find(edition);
  return partitions == nullptr ? nullptr : *partitions;
}

void Cache::Put(EditionId edition, const PartitionsPtr& partitions) {
  partitions_.Put(edition, partitions, 1 + partitions->all().size());
}

void Cache::Forget(EditionId id) {
  editions_.Erase(id);
  partitions_.Erase(id);
}

std::optional<PartitionInfo> Cache::FindPartition(PartitionId id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  return by_first_log_.at(found->second);
}

std::optional<PartitionInfo> Cache::FindPartitionOfLog(LogId log) {
  auto after = by_first_log_.upper_bound(log);
  if (after == by_first_log_.begin()) return std::nullopt;
  const PartitionInfo& partition = std::prev(after)->second;
  if (log.value - partition.first_log.value >= partition.bucket_count) return std::nullopt;
  return partition;
}

void Cache::Put(const PartitionInfo& partition) {
  if (by_id_.size() >= kPartitionsMax) {
    by_id_.clear();
    by_first_log_.clear();
  }
  by_id_[partition.id] = partition.first_log;
  by_first_log_[partition.first_log] = partition;
}

void Cache::Forget(PartitionId id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  by_first_log_.erase(found->second);
  by_id_.erase(found);
}

}  // namespace firth::catalog
