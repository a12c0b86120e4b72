// The checksums and hashes of the AWS protocols, and their texts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::aws {

/// A digest that is fed piece by piece.
class Digest {
 public:
  virtual ~Digest() = default;
  virtual void Update(std::string_view bytes) = 0;
  /// The digest's bytes, big-endian. Once.
  virtual std::string Finish() = 0;
};

/// `name`: md5, sha1, sha256, crc32, crc32c, crc64nvme; null for another.
std::unique_ptr<Digest> MakeDigest(std::string_view name);
/// All names that `x-amz-checksum-NAME` may have.
bool IsChecksumName(std::string_view name);

std::string DigestOf(std::string_view name, std::string_view bytes);
std::string Sha256Hex(std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);
/// CRC-32 as zip and gzip have it.
uint32_t Crc32(std::string_view bytes);

std::string ToBase64(std::string_view bytes);
/// Standard alphabet, padded. Error kInvalidArgument.
Result<std::string> FromBase64(std::string_view text);

/// Percent-encode all but letters, digits and `-._~`, and `/` unless `encode_slash`.
std::string UriEncode(std::string_view text, bool encode_slash);

/// Compare in a time that depends on the lengths alone.
bool EqualsConstantTime(std::string_view a, std::string_view b);

}  // namespace firth::doors::aws
