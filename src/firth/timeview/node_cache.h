// Decoded nodes of files, as many as fit. A hand goes round over them and drops those that were not
// used since it last came by: so finding one moves nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "firth/timeview/node.h"

namespace firth::timeview {

/// Thread-safe. Nodes are found by their address, which is never given to another node.
class NodeCache {
 public:
  explicit NodeCache(uint64_t bytes_max) : shard_bytes_max_(bytes_max / kShards) {}

  /// None if it is not there.
  NodePtr Find(const NodeAddress& address);
  /// Find many, none where one is not there; places of `out` that hold a node are left alone. Their
  /// memory is waited for together.
  void FindMany(std::span<const NodeLink* const> links, std::span<NodePtr> out);
  /// A coded leaf is replaced by one that is not, any other node stays.
  void Insert(const NodeAddress& address, const NodePtr& node);
  void Clear();
  /// Where nodes that are put in are to have their memory from.
  NodeMemory* memory() { return &memory_; }

  struct Stats {
    uint64_t bytes = 0;
    uint64_t hits = 0;
    uint64_t misses = 0;
  };
  Stats GetStats() const;

 private:
  // Readers of different nodes seldom meet at one lock.
  static constexpr size_t kShards = 16;
  /// In a table with open addressing, of which at most half is in use: a look touches one line.
  struct alignas(32) Entry {
    NodePtr node;  // none: a free place
    uint64_t key = 0;
    uint32_t bytes = 0;
    bool used = false;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::vector<Entry> table;  // guarded by mutex; a power of two, or nothing
    size_t entries = 0;        // guarded by mutex
    size_t hand = 0;           // guarded by mutex
    Stats stats;               // guarded by mutex
    // Where the table is, for hints to the processor alone: they may be late.
    std::atomic<const Entry*> hint{nullptr};
    std::atomic<size_t> hint_mask{0};
  };

  static uint64_t KeyOf(const NodeAddress& address) {
    return uint64_t{address.file} << 32 | address.offset;
  }
  static uint64_t HashOf(uint64_t key) { return key * 0x9e3779b97f4a7c15; }
  Shard& ShardOf(uint64_t hash) { return shards_[hash >> 60]; }
  static size_t HomeOf(uint64_t hash, size_t mask) { return (hash >> 20) & mask; }
  static Entry* Look(Shard* shard, uint64_t key, uint64_t hash);
  static void Grow(Shard* shard);
  static void Place(std::vector<Entry>* table, Entry entry);
  static NodePtr Drop(Shard* shard, size_t at);

  const uint64_t shard_bytes_max_;
  NodeMemory memory_;
  std::array<Shard, kShards> shards_;
};

}  // namespace firth::timeview
