#include "firth/timeview/node_cache.h"

#include <algorithm>
#include <utility>

namespace firth::timeview {
namespace {

constexpr size_t kTableLeast = 16;
/// Nodes whose memory is waited for together.
constexpr size_t kTogether = 32;

}  // namespace

NodeCache::Entry* NodeCache::Look(Shard* shard, uint64_t key, uint64_t hash) {
  if (shard->table.empty()) return nullptr;
  const size_t mask = shard->table.size() - 1;
  for (size_t at = HomeOf(hash, mask);; at = (at + 1) & mask) {
    Entry& entry = shard->table[at];
    if (!entry.node) return nullptr;
    if (entry.key == key) return &entry;
  }
}

NodePtr NodeCache::Find(const NodeAddress& address) {
  const uint64_t key = KeyOf(address);
  const uint64_t hash = HashOf(key);
  Shard& shard = ShardOf(hash);
  std::lock_guard lock(shard.mutex);
  Entry* const entry = Look(&shard, key, hash);
  if (entry == nullptr) {
    ++shard.stats.misses;
    return nullptr;
  }
  ++shard.stats.hits;
  entry->used = true;
  return entry->node;
}

void NodeCache::FindMany(std::span<const NodeLink* const> links, std::span<NodePtr> out) {
  for (size_t begin = 0; begin < links.size(); begin += kTogether) {
    const size_t end = std::min(links.size(), begin + kTogether);
    for (size_t i = begin; i < end; ++i) {
      const uint64_t hash = HashOf(KeyOf(links[i]->address));
      const Shard& shard = ShardOf(hash);
      const Entry* const table = shard.hint.load(std::memory_order_relaxed);
      if (table == nullptr) continue;
      __builtin_prefetch(table + HomeOf(hash, shard.hint_mask.load(std::memory_order_relaxed)), 1);
    }
    // The count of who holds a node lies before it, and is written when it is taken.
    for (size_t i = begin; i < end; ++i) {
      if (out[i]) continue;
      const uint64_t key = KeyOf(links[i]->address);
      const uint64_t hash = HashOf(key);
      Shard& shard = ShardOf(hash);
      std::lock_guard lock(shard.mutex);
      const Entry* const entry = Look(&shard, key, hash);
      if (entry == nullptr) continue;
      const auto* const node = reinterpret_cast<const char*>(entry->node.get());
      __builtin_prefetch(node - 16, 1);
      __builtin_prefetch(node + 48);
    }
    for (size_t i = begin; i < end; ++i) {
      if (!out[i]) out[i] = Find(links[i]->address);
    }
  }
}

void NodeCache::Place(std::vector<Entry>* table, Entry entry) {
  const size_t mask = table->size() - 1;
  size_t at = HomeOf(HashOf(entry.key), mask);
  while ((*table)[at].node) at = (at + 1) & mask;
  (*table)[at] = std::move(entry);
}

void NodeCache::Grow(Shard* shard) {
  std::vector<Entry> table(std::max(kTableLeast, 2 * shard->table.size()));
  for (Entry& entry : shard->table) {
    if (entry.node) Place(&table, std::move(entry));
  }
  shard->hint_mask.store(0, std::memory_order_relaxed);
  shard->hint.store(table.data(), std::memory_order_relaxed);
  shard->hint_mask.store(table.size() - 1, std::memory_order_relaxed);
  shard->table = std::move(table);
}

/// Take an entry out; those behind it that would not be found any more move up.
NodePtr NodeCache::Drop(Shard* shard, size_t at) {
  std::vector<Entry>& table = shard->table;
  const size_t mask = table.size() - 1;
  shard->stats.bytes -= table[at].bytes;
  --shard->entries;
  NodePtr node = std::move(table[at].node);
  table[at] = {};
  for (size_t next = (at + 1) & mask; table[next].node; next = (next + 1) & mask) {
    const size_t home = HomeOf(HashOf(table[next].key), mask);
    // May it stand at the gap, which is before it, and not before its home?
    if (((next - home) & mask) < ((next - at) & mask)) continue;
    table[at] = std::move(table[next]);
    table[next] = {};
    at = next;
  }
  return node;
}

void NodeCache::Insert(const NodeAddress& address, const NodePtr& node) {
  const uint64_t key = KeyOf(address);
  const uint64_t hash = HashOf(key);
  const size_t bytes = node->MemoryBytes() + 2 * sizeof(Entry);
  std::vector<NodePtr> dropped;  // freed after the lock
  Shard& shard = ShardOf(hash);
  std::lock_guard lock(shard.mutex);
  if (bytes > shard_bytes_max_) return;
  if (Entry* const entry = Look(&shard, key, hash); entry != nullptr) {
    if (!entry->node->is_coded() || node->is_coded()) return;
    // Unpacked it serves whoever wants it. It is put in anew: there may have to be room made.
    dropped.push_back(Drop(&shard, static_cast<size_t>(entry - shard.table.data())));
  }
  while (shard.stats.bytes + bytes > shard_bytes_max_) {
    const size_t at = shard.hand & (shard.table.size() - 1);
    Entry& entry = shard.table[at];
    if (entry.node && !std::exchange(entry.used, false)) {
      // What moves up into its place is looked at next.
      dropped.push_back(Drop(&shard, at));
    } else {
      ++shard.hand;
    }
  }
  if (2 * (shard.entries + 1) > shard.table.size()) Grow(&shard);
  // As if used: what was read now stays while older nodes go, wherever in the table it comes to be.
  Place(&shard.table,
        {.node = node, .key = key, .bytes = static_cast<uint32_t>(bytes), .used = true});
  ++shard.entries;
  shard.stats.bytes += bytes;
}

void NodeCache::Clear() {
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    shard.hint_mask.store(0, std::memory_order_relaxed);
    shard.hint.store(nullptr, std::memory_order_relaxed);
    shard.table = {};
    shard.entries = 0;
    shard.hand = 0;
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
