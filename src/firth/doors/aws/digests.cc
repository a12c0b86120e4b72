#include "firth/doors/aws/digests.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <zlib.h>

#include <array>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"
#include "firth/common/text.h"

namespace firth::doors::aws {
namespace {

class EvpDigest : public Digest {
 public:
  explicit EvpDigest(const EVP_MD* kind) : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    FIRTH_CHECK(EVP_DigestInit_ex(context_.get(), kind, nullptr) == 1);
  }
  void Update(std::string_view bytes) override {
    FIRTH_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  std::string Finish() override {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    unsigned int length = 0;
    FIRTH_CHECK(EVP_DigestFinal_ex(context_.get(), out.data(), &length) == 1);
    return {reinterpret_cast<const char*>(out.data()), length};
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

class Crc32Digest : public Digest {
 public:
  void Update(std::string_view bytes) override {
    crc_ = crc32_z(crc_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  }
  std::string Finish() override {
    std::string out;
    AppendBe(&out, static_cast<uint32_t>(crc_));
    return out;
  }

 private:
  uLong crc_ = 0;
};

class Crc32cDigest : public Digest {
 public:
  void Update(std::string_view bytes) override { crc_ = Crc32c(AsBytes(bytes), crc_); }
  std::string Finish() override {
    std::string out;
    AppendBe(&out, crc_);
    return out;
  }

 private:
  uint32_t crc_ = 0;
};

/// Reflected CRC-64 with the polynomial of the NVMe specification.
constexpr uint64_t kNvmePolynomial = 0x9a6c9329ac4bc9b5;

constexpr std::array<std::array<uint64_t, 256>, 8> MakeNvmeTables() {
  std::array<std::array<uint64_t, 256>, 8> tables{};
  for (uint64_t i = 0; i < 256; ++i) {
    uint64_t crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 1) != 0 ? (crc >> 1) ^ kNvmePolynomial : crc >> 1;
    tables[0][i] = crc;
  }
  for (size_t t = 1; t < 8; ++t) {
    for (size_t i = 0; i < 256; ++i) {
      tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
    }
  }
  return tables;
}

class Crc64NvmeDigest : public Digest {
 public:
  void Update(std::string_view bytes) override {
    static constexpr auto kTables = MakeNvmeTables();
    while (bytes.size() >= 8) {  // eight bytes at a time
      const uint64_t word = LoadLe<uint64_t>(bytes.data()) ^ crc_;
      crc_ = 0;
      for (size_t i = 0; i < 8; ++i) crc_ ^= kTables[7 - i][(word >> (8 * i)) & 0xff];
      bytes.remove_prefix(8);
    }
    for (const char c : bytes) {
      crc_ = (crc_ >> 8) ^ kTables[0][(crc_ ^ static_cast<unsigned char>(c)) & 0xff];
    }
  }
  std::string Finish() override {
    std::string out;
    AppendBe(&out, ~crc_);
    return out;
  }

 private:
  uint64_t crc_ = ~uint64_t{0};
};

}  // namespace

std::unique_ptr<Digest> MakeDigest(std::string_view name) {
  if (name == "md5") return std::make_unique<EvpDigest>(EVP_md5());
  if (name == "sha1") return std::make_unique<EvpDigest>(EVP_sha1());
  if (name == "sha256") return std::make_unique<EvpDigest>(EVP_sha256());
  if (name == "crc32") return std::make_unique<Crc32Digest>();
  if (name == "crc32c") return std::make_unique<Crc32cDigest>();
  if (name == "crc64nvme") return std::make_unique<Crc64NvmeDigest>();
  return nullptr;
}

bool IsChecksumName(std::string_view name) {
  return name == "crc32" || name == "crc32c" || name == "crc64nvme" || name == "sha1" ||
         name == "sha256";
}

std::string DigestOf(std::string_view name, std::string_view bytes) {
  const auto digest = MakeDigest(name);
  FIRTH_CHECK(digest != nullptr);
  digest->Update(bytes);
  return digest->Finish();
}

std::string Sha256Hex(std::string_view bytes) {
  return ToHex(DigestOf("sha256", bytes));
}

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned int length = 0;
  FIRTH_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                   reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.data(),
                   &length) != nullptr);
  return {reinterpret_cast<const char*>(out.data()), length};
}

uint32_t Crc32(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string ToBase64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

Result<std::string> FromBase64(std::string_view text) {
  const auto bad = [] {
    return Error(Code::kInvalidArgument, Reason::kBadValue, "a text is not base64");
  };
  if (text.size() % 4 != 0 || text.size() > (size_t{1} << 30)) return bad();
  size_t padding = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '+' || c == '/';
    if (plain && padding == 0) continue;
    if (c != '=' || i + 2 < text.size()) return bad();
    ++padding;
  }
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return bad();
  bytes.resize(static_cast<size_t>(length) - padding);
  return bytes;
}

std::string UriEncode(std::string_view text, bool encode_slash) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                       (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' ||
                       byte == '~' || (byte == '/' && !encode_slash);
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

bool EqualsConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace firth::doors::aws
