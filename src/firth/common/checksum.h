// The two checksums at rest: CRC-32C where a protocol's batch carries it, XXH3-64 for what is ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace firth {

/// CRC-32C (Castagnoli) of `bytes`, continuing from `crc` (0 to begin).
uint32_t Crc32c(std::span<const std::byte> bytes, uint32_t crc = 0);

/// XXH3-64 of `bytes`.
uint64_t Hash64(std::span<const std::byte> bytes, uint64_t seed = 0);

}  // namespace firth
