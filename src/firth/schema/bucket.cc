#include <bit>

#include "firth/common/bytes.h"
#include "firth/schema/row.h"

namespace firth::schema {
namespace {

uint32_t MixBlock(uint32_t hash, uint32_t block) {
  block = std::rotl(block * 0xcc9e2d51u, 15) * 0x1b873593u;
  return std::rotl(hash ^ block, 13) * 5 + 0xe6546b64u;
}

uint32_t Finish(uint32_t hash, uint32_t length) {
  hash ^= length;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
  return hash ^ (hash >> 16);
}

uint32_t HashKey(std::string_view compact_key) {
  uint32_t hash = 42;
  size_t at = 0;
  for (; at + 4 <= compact_key.size(); at += 4) {
    hash = MixBlock(hash, LoadLe<uint32_t>(compact_key.data() + at));
  }
  // MurmurHash3 gathers the last bytes into one half-mixed word; here each is a block of its own.
  for (; at < compact_key.size(); ++at) {
    hash = MixBlock(hash, static_cast<unsigned char>(compact_key[at]));
  }
  return Finish(hash, static_cast<uint32_t>(compact_key.size()));
}

}  // namespace

int32_t BucketOf(std::string_view compact_key, int32_t buckets) {
  FIRTH_CHECK(buckets > 0);
  // The second mix: the hash as one block of four bytes into an empty hash.
  const auto mixed = static_cast<int32_t>(Finish(MixBlock(0, HashKey(compact_key)), 4));
  if (mixed == INT32_MIN) return 0;
  return (mixed < 0 ? -mixed : mixed) % buckets;
}

}  // namespace firth::schema
