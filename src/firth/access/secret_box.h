// The key file, and what is done with secrets under it: digests to look them up, and encryption of
// those that a protocol's check needs again.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "firth/common/random.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::access {

inline constexpr char kKeyFile[] = "access.key";
inline constexpr size_t kKeyBytes = 32;

/// Immutable once made; thread-safe. Its keys are wiped from memory when it goes.
class SecretBox {
 public:
  /// Read the key file. Errors: kFileMissing, kChecksumMismatch.
  static Result<std::unique_ptr<SecretBox>> Open(store::FileSystem* files, Random* random);
  /// Make a key file with a random key, wholly or not at all, and durably.
  static Status MakeKeyFile(store::FileSystem* files, Random* random);

  ~SecretBox();
  SecretBox(const SecretBox&) = delete;
  SecretBox& operator=(const SecretBox&) = delete;

  /// HMAC-SHA-256 of a secret: 32 bytes.
  std::string Digest(std::string_view secret) const;
  /// A secret that only this key file opens: a nonce of 24 bytes, a tag of 16, the bytes (XSalsa20
  /// and Poly1305 of libsodium). Encrypting twice gives different bytes.
  std::string Encrypt(std::string_view secret) const;
  /// Error kChecksumMismatch for anything but what Encrypt gave under this key file.
  Result<std::string> Decrypt(std::string_view encrypted) const;

 private:
  using Key = std::array<unsigned char, kKeyBytes>;
  explicit SecretBox(Random* random) : random_(random) {}

  Random* const random_;
  Key digest_key_{};
  Key encryption_key_{};
};

/// Are two texts equal? Takes a time that does not depend on where they differ.
bool EqualInConstantTime(std::string_view a, std::string_view b);

/// A new secret of letters and digits: 32 random bytes in base 58 (Bitcoin's alphabet), of which
/// byte 16 says whose it is: 0x80 a service's, 0x81 anyone else's.
std::string MakeSecret(Random* random, bool of_service);

}  // namespace firth::access
