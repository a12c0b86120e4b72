#include "firth/common/checksum.h"

#include <isa-l/crc.h>
#include <xxhash.h>

#include <algorithm>
#include <climits>

namespace firth {

uint32_t Crc32c(std::span<const std::byte> bytes, uint32_t crc) {
  // crc32_iscsi takes and gives the register itself: the usual inversions are the caller's.
  uint32_t state = ~crc;
  while (!bytes.empty()) {
    const size_t take = std::min<size_t>(bytes.size(), INT_MAX);
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    state = crc32_iscsi(data, static_cast<int>(take), state);
    bytes = bytes.subspan(take);
  }
  return ~state;
}

uint64_t Hash64(std::span<const std::byte> bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace firth
