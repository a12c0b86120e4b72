// Decoded nodes of files, as many as fit. The oldest goes first, unless it was used since it was
// last looked at: so finding one moves nothing.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>

#include "firth/timeview/node.h"

namespace firth::timeview {

/// Thread-safe. Nodes are found by their address, which is never given to another node.
class NodeCache {
 public:
  explicit NodeCache(uint64_t bytes_max) : shard_bytes_max_(bytes_max / kShards) {}

  /// None if it is not there.
  NodePtr Find(const NodeAddress& address);
  void Insert(const NodeAddress& address, const NodePtr& node);
  void Clear();

  struct Stats {
    uint64_t bytes = 0;
    uint64_t hits = 0;
    uint64_t misses = 0;
  };
  Stats GetStats() const;

 private:
  // Readers of different nodes seldom meet at one lock.
  static constexpr size_t kShards = 16;
  struct Entry {
    uint64_t key;
    NodePtr node;
    size_t bytes;
    bool used;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::list<Entry> entries;  // guarded by mutex; the newest first
    std::unordered_map<uint64_t, std::list<Entry>::iterator> index;  // guarded by mutex
    Stats stats;                                                     // guarded by mutex
  };

  static uint64_t KeyOf(const NodeAddress& address) {
    return uint64_t{address.file} << 32 | address.offset;
  }
  Shard& ShardOf(uint64_t key) { return shards_[(key * 0x9e3779b97f4a7c15) >> 60]; }

  const uint64_t shard_bytes_max_;
  std::array<Shard, kShards> shards_;
};

}  // namespace firth::timeview
