#include "firth/doors/beneath/cursor.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

constexpr size_t kSignatureBytes = 16;
static_assert(work::kCursorBodyMax + kSignatureBytes <= kCursorBytesMax);

}  // namespace

std::string Cursors::Sign(std::string_view bytes) const {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), facts_->key().data(), static_cast<int>(facts_->key().size()),
       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest, &size);
  FIRTH_CHECK(size >= kSignatureBytes);
  return std::string(reinterpret_cast<const char*>(digest), kSignatureBytes);
}

Result<std::string> Cursors::Write(const Cursor& cursor) const {
  ARROW_ASSIGN_OR_RAISE(const std::string bytes, work::EncodeCursor(cursor));
  return bytes + Sign(bytes);
}

Result<Cursor> Cursors::Read(std::string_view bytes) const {
  const Status bad = Invalid("the cursor is not one of this server's");
  if (bytes.size() <= kSignatureBytes || bytes.size() > kCursorBytesMax) return bad;
  const std::string_view body = bytes.substr(0, bytes.size() - kSignatureBytes);
  const std::string signature = Sign(body);
  if (CRYPTO_memcmp(signature.data(), bytes.data() + body.size(), kSignatureBytes) != 0) return bad;
  return work::DecodeCursor(body);
}

}  // namespace firth::doors::beneath
