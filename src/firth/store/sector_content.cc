#include "firth/store/sector_content.h"

#include <algorithm>

#include "firth/common/status.h"

namespace firth::store {

uint64_t DrawBelow(Random* random, uint64_t end) {
  return random->Next64() % end;
}

void SectorContent::Read(uint64_t position, std::span<std::byte> out) const {
  FIRTH_CHECK(position <= bytes() && out.size() <= bytes() - position);
  std::copy_n(current_.begin() + static_cast<ptrdiff_t>(position), out.size(), out.begin());
}

void SectorContent::Write(uint64_t position, Bytes part) {
  if (part.empty()) return;
  const uint64_t end = position + part.size();
  Remember(position, end);
  for (uint64_t sector = position / kSectorBytes; sector <= (end - 1) / kSectorBytes; ++sector) {
    unsynced_.at(sector).lost = false;  // it is dirty again, so the next sync writes it
  }
  unsynced_.at((end - 1) / kSectorBytes).may_tear = true;
  if (end > bytes()) current_.resize(end);
  std::ranges::copy(part, current_.begin() + static_cast<ptrdiff_t>(position));
}

void SectorContent::Resize(uint64_t bytes) {
  if (bytes < current_.size()) Remember(bytes, current_.size());
  current_.resize(bytes);
}

void SectorContent::Sync() {
  std::erase_if(unsynced_, [](const Sector& sector) { return !sector.second.lost; });
  bytes_synced_ = bytes();
}

void SectorContent::FailSync() {
  for (auto& [number, sector] : unsynced_) sector.lost = true;
}

void SectorContent::Remember(uint64_t begin, uint64_t end) {
  for (uint64_t number = begin / kSectorBytes; number * kSectorBytes < end; ++number) {
    const auto [entry, is_new] = unsynced_.try_emplace(number);
    if (!is_new) continue;
    const uint64_t from = number * kSectorBytes;
    const uint64_t to = std::min(from + kSectorBytes, bytes());
    for (uint64_t i = from; i < to; ++i) entry->second.old[i - from] = current_[i];
  }
}

SectorContent SectorContent::AfterPowerCut(Random* random) const {
  uint64_t left_bytes = bytes();
  if (left_bytes != bytes_synced_ && DrawBelow(random, 2) == 0) left_bytes = bytes_synced_;
  std::vector<std::byte> left = current_;
  left.resize(left_bytes);
  for (const Sector& sector : unsynced_) CutSector(sector, random, &left);

  SectorContent result;
  result.current_ = std::move(left);
  result.bytes_synced_ = left_bytes;
  return result;
}

void SectorContent::CutSector(const Sector& sector, Random* random,
                              std::vector<std::byte>* left) const {
  const auto& [number, unsynced] = sector;
  const uint64_t from = number * kSectorBytes;
  uint64_t new_bytes = DrawBelow(random, 2) * kSectorBytes;
  if (unsynced.may_tear && DrawBelow(random, 3) == 0)
    new_bytes = 1 + DrawBelow(random, kSectorBytes - 1);
  // What lies past the present end has no new version.
  const uint64_t old_from = std::max(from, std::min(from + new_bytes, bytes()));
  const uint64_t to = std::min<uint64_t>(from + kSectorBytes, left->size());
  for (uint64_t i = old_from; i < to; ++i) (*left)[i] = unsynced.old[i - from];
}

void SectorContent::FlipBits(uint64_t position, uint8_t mask) {
  FIRTH_CHECK(position < bytes());
  current_[position] ^= std::byte{mask};
  const auto entry = unsynced_.find(position / kSectorBytes);
  if (entry != unsynced_.end()) entry->second.old[position % kSectorBytes] ^= std::byte{mask};
}

}  // namespace firth::store
