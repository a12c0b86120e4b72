#include "firth/doors/beneath/cursor.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "firth/common/bytes.h"
#include "firth/common/text.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

// 1 kind | 16 id | 8 from | 8 to | 2 length of keys.from | keys.from | keys.to | 16 signature.
// A kept one: 1 kind + 0x80 | 16 id | 16 digest | 16 signature.
constexpr size_t kIdBytes = 16;
constexpr size_t kSignatureBytes = 16;
constexpr size_t kFixedBytes = 1 + kIdBytes + 8 + 8 + 2;
constexpr uint8_t kKept = 0x80;

Status Bad() {
  return Invalid("the cursor is not one of this server's");
}

std::string KeptName(std::string_view id, std::string_view digest) {
  return "beneath/cursor/" + ToHex(id) + "/" + ToHex(digest);
}

}  // namespace

std::string Cursors::Sign(std::string_view bytes) const {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), facts_->key().data(), static_cast<int>(facts_->key().size()),
       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest, &size);
  FIRTH_CHECK(size >= kSignatureBytes);
  return std::string(reinterpret_cast<const char*>(digest), kSignatureBytes);
}

Result<std::string> Cursors::Write(const Cursor& cursor) {
  FIRTH_CHECK(cursor.id.size() == kIdBytes);
  std::string bytes(1, static_cast<char>(cursor.kind));
  bytes += cursor.id;
  AppendLe(&bytes, cursor.from);
  AppendLe(&bytes, cursor.to);
  AppendLe(&bytes, static_cast<uint16_t>(cursor.keys.from.size()));
  bytes += cursor.keys.from;
  bytes += cursor.keys.to;
  if (bytes.size() + kSignatureBytes > kCursorBytesMax) {
    const std::string digest = Sign(bytes);
    ARROW_RETURN_NOT_OK(catalog_->PutValue(KeptName(cursor.id, digest), ToHex(bytes)));
    std::string kept(1, static_cast<char>(static_cast<uint8_t>(cursor.kind) | kKept));
    bytes = kept + cursor.id + digest;
  }
  return bytes + Sign(bytes);
}

Status Cursors::Forget(catalog::Catalog* catalog, std::string_view id) {
  const std::string prefix = "beneath/cursor/" + ToHex(std::string(id)) + "/";
  ARROW_ASSIGN_OR_RAISE(const auto kept, catalog->ListValues(prefix));
  std::vector<catalog::ValueChange> changes;
  for (const auto& [name, value] : kept) changes.push_back({.name = name});
  return changes.empty() ? Status::OK() : catalog->ChangeValues(changes);
}

Result<Cursor> Cursors::Read(std::string_view bytes) {
  if (bytes.size() < 1 + kIdBytes + kSignatureBytes || bytes.size() > kCursorBytesMax) return Bad();
  std::string body(bytes.substr(0, bytes.size() - kSignatureBytes));
  const std::string signature = Sign(body);
  if (CRYPTO_memcmp(signature.data(), bytes.data() + body.size(), kSignatureBytes) != 0)
    return Bad();
  if ((static_cast<uint8_t>(body[0]) & kKept) != 0) {
    const std::string name = KeptName(std::string_view(body).substr(1, kIdBytes),
                                      std::string_view(body).substr(1 + kIdBytes));
    ARROW_ASSIGN_OR_RAISE(const auto kept, catalog_->GetValue(name));
    if (!kept.has_value()) return NotFound("The position of this cursor was");
    ARROW_ASSIGN_OR_RAISE(body, FromHex(*kept));
  }
  if (body.size() < kFixedBytes) return Bad();
  Cursor cursor;
  cursor.kind = static_cast<Cursor::Kind>(body[0]);
  cursor.id = body.substr(1, kIdBytes);
  const char* at = body.data() + 1 + kIdBytes;
  cursor.from = LoadLe<int64_t>(at);
  cursor.to = LoadLe<int64_t>(at + 8);
  const size_t from_bytes = LoadLe<uint16_t>(at + 16);
  if (body.size() - kFixedBytes < from_bytes) return Bad();
  cursor.keys.from = body.substr(kFixedBytes, from_bytes);
  cursor.keys.to = body.substr(kFixedBytes + from_bytes);
  return cursor;
}

}  // namespace firth::doors::beneath
