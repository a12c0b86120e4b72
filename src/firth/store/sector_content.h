// The bytes of a file in memory, and which of them a power cut may take.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/random.h"

namespace firth::store {

/// A number in [0, end).
uint64_t DrawBelow(Random* random, uint64_t end);

/// Bytes in sectors of 512, of which those written since the last sync are remembered as they were.
/// Not thread-safe.
class SectorContent {
 public:
  static constexpr uint64_t kSectorBytes = 512;

  uint64_t bytes() const { return current_.size(); }

  /// Copy [position, position + out.size()), which lies within the file.
  void Read(uint64_t position, std::span<std::byte> out) const;
  /// Write `part`, lengthening the file if it ends before.
  void Write(uint64_t position, Bytes part);
  /// Cut, or lengthen by zeros.
  void Resize(uint64_t bytes);

  /// Make all that was written durable, but for what a failed sync has lost.
  void Sync();
  /// A sync that fails: what was written so far becomes durable only where it is written again.
  void FailSync();

  /// What a power cut now may leave, by the fault model of memory_file_system.h.
  SectorContent AfterPowerCut(Random* random) const;
  /// XOR `mask` into the byte at `position`, durable or not.
  void FlipBits(uint64_t position, uint8_t mask);

 private:
  struct Unsynced {
    std::array<std::byte, kSectorBytes> old{};  // what is durable; zeros past its end
    bool may_tear = false;                      // the last sector of some write
    bool lost = false;                          // a sync of it failed
  };
  using Sector = std::pair<const uint64_t, Unsynced>;

  /// Remember the sectors of [begin, end) as they are durable, before they change.
  void Remember(uint64_t begin, uint64_t end);
  void CutSector(const Sector& sector, Random* random, std::vector<std::byte>* left) const;

  std::vector<std::byte> current_;
  uint64_t bytes_synced_ = 0;
  std::map<uint64_t, Unsynced> unsynced_;  // by sector number
};

}  // namespace firth::store
