// What is done with secrets under the key file.
#include "firth/access/secret_box.h"

#include <gtest/gtest.h>

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
    const std::string secret = MakeSecret(&random);
    EXPECT_EQ(secret.size(), 32u);
    EXPECT_EQ(secret.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_"),
              std::string::npos);
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
