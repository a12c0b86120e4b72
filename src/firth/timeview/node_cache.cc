#include "firth/timeview/node_cache.h"

#include <iterator>
#include <utility>
#include <vector>

namespace firth::timeview {

NodePtr NodeCache::Find(const NodeAddress& address) {
  const uint64_t key = KeyOf(address);
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end()) {
    ++shard.stats.misses;
    return nullptr;
  }
  ++shard.stats.hits;
  found->second->used = true;
  return found->second->node;
}

void NodeCache::Insert(const NodeAddress& address, const NodePtr& node) {
  const uint64_t key = KeyOf(address);
  const size_t bytes = node->MemoryBytes() + sizeof(Entry);
  std::vector<NodePtr> dropped;  // freed after the lock
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  if (bytes > shard_bytes_max_ || shard.index.count(key) != 0) return;
  shard.entries.push_front({key, node, bytes, false});
  shard.index[key] = shard.entries.begin();
  shard.stats.bytes += bytes;
  while (shard.stats.bytes > shard_bytes_max_) {
    Entry& last = shard.entries.back();
    if (std::exchange(last.used, false)) {
      shard.entries.splice(shard.entries.begin(), shard.entries, std::prev(shard.entries.end()));
      continue;
    }
    shard.stats.bytes -= last.bytes;
    shard.index.erase(last.key);
    dropped.push_back(std::move(last.node));
    shard.entries.pop_back();
  }
}

void NodeCache::Clear() {
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    shard.entries.clear();
    shard.index.clear();
    shard.stats.bytes = 0;
  }
}

NodeCache::Stats NodeCache::GetStats() const {
  Stats all;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    all.bytes += shard.stats.bytes;
    all.hits += shard.stats.hits;
    all.misses += shard.stats.misses;
  }
  return all;
}

}  // namespace firth::timeview
