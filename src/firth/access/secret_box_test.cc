// What is done with secrets under the key file.
#include "firth/access/secret_box.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "firth/common/text.h"
#include "firth/store/memory_file_system.h"
#include "firth/store/testing_files.h"

namespace firth::access {
namespace {

class SecretBoxTest : public testing::Test {
 protected:
  std::unique_ptr<SecretBox> MakeBox(uint64_t seed) {
    SeededRandom key_random(seed);
    FIRTH_CHECK(SecretBox::MakeKeyFile(&files, &key_random).ok());
    return SecretBox::Open(&files, &random).ValueOrDie();
  }

  store::MemoryFileSystem files;
  SeededRandom random{9};
};

// The derivation of both keys and the digest are a format: this text changes only with a new one.
TEST_F(SecretBoxTest, DigestsDoNotChange) {
  EXPECT_EQ(ToHex(MakeBox(1)->Digest("correct horse")),
            "4ddfcd4232179aef474e8dd91ab0b4abf31bea6df01ea9c454a5a2ec62828782");
}

TEST_F(SecretBoxTest, ADigestDependsOnTheSecretAndTheKey) {
  const auto a = MakeBox(1);
  const auto b = MakeBox(2);
  EXPECT_EQ(a->Digest("x").size(), 32u);
  EXPECT_EQ(a->Digest("x"), a->Digest("x"));
  EXPECT_NE(a->Digest("x"), a->Digest("y"));
  EXPECT_NE(a->Digest("x"), b->Digest("x"));
}

TEST_F(SecretBoxTest, OnlyItsOwnKeyDecrypts) {
  const auto a = MakeBox(1);
  const auto b = MakeBox(2);
  for (const std::string& secret : {std::string(), std::string("correct horse"),
                                    std::string("\0\xff", 2), std::string(5000, 's')}) {
    const std::string encrypted = a->Encrypt(secret);
    EXPECT_NE(encrypted, a->Encrypt(secret));  // a new nonce each time
    EXPECT_EQ(a->Decrypt(encrypted).ValueOrDie(), secret);
    EXPECT_REASON(b->Decrypt(encrypted).status(), Code::kDataLoss, Reason::kChecksumMismatch);
  }
}

TEST_F(SecretBoxTest, DamagedSecretsAreFound) {
  const auto box = MakeBox(1);
  const std::string encrypted = box->Encrypt("correct horse");
  for (size_t i = 0; i < encrypted.size(); ++i) {
    std::string damaged = encrypted;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_REASON(box->Decrypt(damaged).status(), Code::kDataLoss, Reason::kChecksumMismatch);
    EXPECT_FALSE(box->Decrypt(encrypted.substr(0, i)).ok());
  }
}

TEST_F(SecretBoxTest, IssuedSecretsAreLettersThatEveryProtocolCarries) {
  std::set<std::string> made;
  for (int i = 0; i < 200; ++i) {
    const bool of_service = i % 2 == 0;
    const std::string secret = MakeSecret(&random, of_service);
    // The number that its letters are, as 32 bytes.
    std::array<uint32_t, 32> bytes{};
    for (const char letter : secret) {
      size_t carry = std::string_view("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
                         .find(letter);
      ASSERT_LT(carry, 58u) << secret;
      for (size_t at = bytes.size(); at-- > 0; carry >>= 8) {
        carry += size_t{58} * bytes[at];
        bytes[at] = static_cast<uint32_t>(carry & 0xff);
      }
      EXPECT_EQ(carry, 0u);
    }
    EXPECT_EQ(bytes[16], of_service ? 0x80u : 0x81u);
    EXPECT_GE(secret.size(), 40u);
    EXPECT_LE(secret.size(), 44u);
    EXPECT_TRUE(made.insert(secret).second);
  }
}

TEST_F(SecretBoxTest, Equality) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "ab"));
}

}  // namespace
}  // namespace firth::access
