#include "firth/access/secret_box.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"

namespace firth::access {
namespace {

// The file: 32 bytes of key, then their XXH3-64, little endian, so that damage is told from a wrong
// key.
constexpr size_t kFileBytes = kKeyBytes + sizeof(uint64_t);
static_assert(kKeyBytes == crypto_auth_hmacsha256_KEYBYTES);
static_assert(kKeyBytes == crypto_secretbox_KEYBYTES);

const unsigned char* Unsigned(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string HmacSha256(const unsigned char* key, std::string_view text) {
  std::string digest(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256(reinterpret_cast<unsigned char*>(digest.data()), Unsigned(text),
                         text.size(), key);
  return digest;
}

}  // namespace

Status SecretBox::MakeKeyFile(store::FileSystem* files, Random* random) {
  std::array<std::byte, kFileBytes> file;
  const std::span<std::byte> key(file.data(), kKeyBytes);
  random->Fill(key);
  StoreLe(file.data() + kKeyBytes, Hash64(key));
  const Status status = store::WriteFileAtomically(files, kKeyFile, file);
  sodium_memzero(file.data(), file.size());
  return status;
}

Result<std::unique_ptr<SecretBox>> SecretBox::Open(store::FileSystem* files, Random* random) {
  if (sodium_init() < 0) {
    return Error(Code::kInternal, Reason::kNone, "libsodium cannot be initialised");
  }
  ARROW_ASSIGN_OR_RAISE(const auto file, store::ReadFile(files, kKeyFile, kFileBytes));
  const Bytes bytes(reinterpret_cast<const std::byte*>(file->data()),
                    static_cast<size_t>(file->size()));
  if (bytes.size() != kFileBytes ||
      LoadLe<uint64_t>(bytes.data() + kKeyBytes) != Hash64(bytes.first(kKeyBytes))) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 std::string(kKeyFile) +
                     " is damaged: its checksum does not match. Restore the file" +
                     " from a backup; without it no stored secret can be checked");
  }
  std::unique_ptr<SecretBox> box(new SecretBox(random));
  // Two keys from one: neither tells anything about the other.
  const auto* key = file->data();
  std::string digest_key = HmacSha256(key, "firth access: digest");
  std::string encryption_key = HmacSha256(key, "firth access: encryption");
  std::memcpy(box->digest_key_.data(), digest_key.data(), kKeyBytes);
  std::memcpy(box->encryption_key_.data(), encryption_key.data(), kKeyBytes);
  sodium_memzero(digest_key.data(), digest_key.size());
  sodium_memzero(encryption_key.data(), encryption_key.size());
  return box;
}

SecretBox::~SecretBox() {
  sodium_memzero(digest_key_.data(), digest_key_.size());
  sodium_memzero(encryption_key_.data(), encryption_key_.size());
}

std::string SecretBox::Digest(std::string_view secret) const {
  return HmacSha256(digest_key_.data(), secret);
}

std::string SecretBox::Encrypt(std::string_view secret) const {
  std::string out(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + secret.size(), '\0');
  auto* nonce = reinterpret_cast<unsigned char*>(out.data());
  random_->Fill(std::as_writable_bytes(std::span(out.data(), crypto_secretbox_NONCEBYTES)));
  crypto_secretbox_easy(nonce + crypto_secretbox_NONCEBYTES, Unsigned(secret), secret.size(), nonce,
                        encryption_key_.data());
  return out;
}

Result<std::string> SecretBox::Decrypt(std::string_view encrypted) const {
  constexpr size_t kOverhead = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
  if (encrypted.size() >= kOverhead) {
    std::string secret(encrypted.size() - kOverhead, '\0');
    if (crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(secret.data()),
                                   Unsigned(encrypted) + crypto_secretbox_NONCEBYTES,
                                   encrypted.size() - crypto_secretbox_NONCEBYTES,
                                   Unsigned(encrypted), encryption_key_.data()) == 0) {
      return secret;
    }
  }
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               std::string("a stored secret cannot be decrypted with ") + kKeyFile);
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string MakeSecret(Random* random, bool of_service) {
  constexpr std::string_view kAlphabet =
      "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  constexpr size_t kTagAt = 16;
  std::array<std::byte, 32> bits;
  random->Fill(bits);
  bits[kTagAt] = of_service ? std::byte{0x80} : std::byte{0x81};
  // Long division of the number that the bytes are, by the base.
  std::string text;
  size_t first = 0;
  for (; first < bits.size() && bits[first] == std::byte{0}; ++first) text.push_back(kAlphabet[0]);
  const size_t zeros = text.size();
  while (first < bits.size()) {
    uint32_t rest = 0;
    for (size_t i = first; i < bits.size(); ++i) {
      const uint32_t value = rest * 256 + std::to_integer<uint32_t>(bits[i]);
      bits[i] = static_cast<std::byte>(value / kAlphabet.size());
      rest = value % static_cast<uint32_t>(kAlphabet.size());
    }
    text.push_back(kAlphabet[rest]);
    while (first < bits.size() && bits[first] == std::byte{0}) ++first;
  }
  std::reverse(text.begin() + static_cast<ptrdiff_t>(zeros), text.end());
  sodium_memzero(bits.data(), bits.size());
  return text;
}

}  // namespace firth::access
