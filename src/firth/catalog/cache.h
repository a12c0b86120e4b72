// What the catalog remembers of its newest state: a bounded number of immutable things, the least
// recently used forgotten first. Not thread-safe: the owner has a mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"

namespace firth::catalog {

/// A map of at most `weight_max` in all. One value alone may weigh more; it is then not kept.
template <typename Key, typename Value>
class LruMap {
 public:
  explicit LruMap(size_t weight_max) : weight_max_(weight_max) {}

  /// The value, or null. Valid until the next change of the map.
  const Value* Find(const Key& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->value;
  }

  void Put(const Key& key, Value value, size_t weight = 1) {
    Erase(key);
    if (weight > weight_max_) return;
    entries_.push_front(Entry{key, std::move(value), weight});
    places_[key] = entries_.begin();
    weight_ += weight;
    while (weight_ > weight_max_) Erase(Key(entries_.back().key));
  }

  void Erase(const Key& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return;
    weight_ -= found->second->weight;
    entries_.erase(found->second);
    places_.erase(found);
  }

  size_t size() const { return places_.size(); }

 private:
  struct Entry {
    Key key;
    Value value;
    size_t weight;
  };

  const size_t weight_max_;
  size_t weight_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Key, typename std::list<Entry>::iterator> places_;
};

/// The living partitions of one edition. Immutable.
class PartitionList {
 public:
  explicit PartitionList(std::vector<PartitionInfo> partitions);

  const std::vector<PartitionInfo>& all() const { return all_; }
  /// The partition with these values, or null.
  const PartitionInfo* Find(const std::vector<std::string>& values) const;

 private:
  std::vector<PartitionInfo> all_;  // by id, ascending
  std::vector<size_t> by_values_;   // indices in all_, ascending by values
};

using EditionPtr = std::shared_ptr<const EditionInfo>;
using PartitionsPtr = std::shared_ptr<const PartitionList>;

/// Tables by path and id, editions, and partitions. What is put must be the newest committed state.
class Cache {
 public:
  static constexpr size_t kTablesMax = 10'000;
  static constexpr size_t kEditionsMax = 10'000;
  static constexpr size_t kPartitionsMax = 100'000;

  TablePtr FindTable(const Path& path);
  TablePtr FindTable(TableId id);
  void Put(const TablePtr& table);
  void Forget(TableId id);

  EditionPtr FindEdition(EditionId id);
  void Put(const EditionPtr& edition) { editions_.Put(edition->id, edition); }
  PartitionsPtr FindPartitions(EditionId edition);
  void Put(EditionId edition, const PartitionsPtr& partitions);
  /// Forget the edition and the list of its partitions.
  void Forget(EditionId id);

  // Single partitions.
  std::optional<PartitionInfo> FindPartition(PartitionId id);
  std::optional<PartitionInfo> FindPartitionOfLog(LogId log);
  void Put(const PartitionInfo& partition);
  void Forget(PartitionId id);

 private:
  LruMap<TableId, TablePtr> tables_{kTablesMax};
  // A path may outlive its table here, so what it leads to must say the same path.
  LruMap<std::string, TableId> paths_{kTablesMax};
  LruMap<EditionId, EditionPtr> editions_{kEditionsMax};
  LruMap<EditionId, PartitionsPtr> partitions_{kPartitionsMax};
  // Partitions that were looked up by id or by log: bounded by being cleared when full.
  std::map<LogId, PartitionInfo> by_first_log_;
  std::unordered_map<PartitionId, LogId> by_id_;
};

}  // namespace firth::catalog
