#include "firth/common/name_uuid.h"

#include <openssl/sha.h>

#include <array>

#include "firth/common/status.h"

namespace firth {

std::string NameUuid(std::string_view name_space, std::string_view name) {
  FIRTH_CHECK(name_space.size() == 16);
  const std::string all = std::string(name_space) + std::string(name);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data());
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0fU) | 0x50U);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3fU) | 0x80U);
  return std::string(reinterpret_cast<const char*>(digest.data()), 16);
}

}  // namespace firth
