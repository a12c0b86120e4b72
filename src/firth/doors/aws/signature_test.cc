// Signatures against the examples that the service's manual publishes, and against changes of every
// part that is signed.
#include "firth/doors/aws/signature.h"

#include <gtest/gtest.h>

#include "firth/doors/aws/chunked_body.h"
#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/errors.h"

namespace firth::doors::aws {
namespace {

constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr int64_t kThen = int64_t{1'369'353'600} * 1'000'000'000;  // 2013-05-24

net::HttpRequest Example() {
  net::HttpRequest request;
  request.method = "GET";
  request.path = request.target = "/test.txt";
  request.headers = {
      {"Host", "examplebucket.s3.amazonaws.com"},
      {"Range", "bytes=0-9"},
      {"x-amz-content-sha256", Sha256Hex("")},
      {"x-amz-date", "20130524T000000Z"},
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
       "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
       "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}};
  return request;
}

/// The error's name, or "ok".
std::string Verify(const net::HttpRequest& request, int64_t now_ns = kThen,
                   const std::string& secret = kSecret) {
  const auto signature = ReadSignature(request);
  if (!signature.ok()) return WireCode(signature.status(), Service::kS3);
  std::string key;
  const Status status = VerifySignature(request, *signature, secret, now_ns, &key);
  return status.ok() ? "ok" : WireCode(status, Service::kS3);
}

TEST(SignatureTest, PublishedExample) {
  const auto signature = ReadSignature(Example());
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(signature->access_key, "AKIAIOSFODNN7EXAMPLE");
  EXPECT_EQ(signature->service, "s3");
  EXPECT_EQ(Verify(Example()), "ok");
}

TEST(SignatureTest, EveryPartIsSigned) {
  const auto changed = [](const std::function<void(net::HttpRequest*)>& change) {
    auto request = Example();
    change(&request);
    return Verify(request);
  };
  EXPECT_EQ(changed([](auto* r) { r->method = "PUT"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(changed([](auto* r) { r->path = "/test2.txt"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(changed([](auto* r) { r->query = "acl"; }), "SignatureDoesNotMatch");
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(changed([i](auto* r) { r->headers[i].second += "x"; }), "SignatureDoesNotMatch") << i;
  }
  // White space around and inside values is folded.
  EXPECT_EQ(changed([](auto* r) { r->headers[1].second = "  bytes=0-9 "; }), "ok");
  EXPECT_EQ(Verify(Example(), kThen, "another"), "SignatureDoesNotMatch");
  constexpr int64_t kMinuteNs = int64_t{60} * 1'000'000'000;
  EXPECT_EQ(Verify(Example(), kThen + 14 * kMinuteNs), "ok");
  EXPECT_EQ(Verify(Example(), kThen + 16 * kMinuteNs), "RequestTimeTooSkewed");
  EXPECT_EQ(Verify(Example(), kThen - 16 * kMinuteNs), "RequestTimeTooSkewed");
}

TEST(SignatureTest, PresignedExample) {
  net::HttpRequest request;
  request.method = "GET";
  request.path = "/test.txt";
  request.query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-"
      "1"
      "%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders="
      "host"
      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  request.headers = {{"Host", "examplebucket.s3.amazonaws.com"}};
  constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;
  EXPECT_TRUE(IsSigned(request));
  EXPECT_EQ(Verify(request), "ok");
  EXPECT_EQ(Verify(request, kThen + 23 * kHourNs), "ok");
  EXPECT_EQ(Verify(request, kThen + 25 * kHourNs), "AccessDenied");
  request.path = "/test2.txt";
  EXPECT_EQ(Verify(request), "SignatureDoesNotMatch");
}

TEST(SignatureTest, WhatCannotBeReadIsRefused) {
  for (const char* header :
       {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a", "AWS4-HMAC-SHA256 Credential=////",
        "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request, SignedHeaders=x, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request, SignedHeaders=host"}) {
    auto request = Example();
    request.headers.back().second = header;
    EXPECT_EQ(Verify(request), "AuthorizationHeaderMalformed") << header;
  }
  auto request = Example();
  request.headers[3].second = "yesterday";
  EXPECT_EQ(Verify(request), "AuthorizationHeaderMalformed");
}

// -- bodies in chunks

constexpr char kSeed[] = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

ChunkSigning ExampleSigning() {
  std::string key = HmacSha256(std::string("AWS4") + kSecret, "20130524");
  for (const char* part : {"us-east-1", "s3", "aws4_request"}) key = HmacSha256(key, part);
  return {.signing_key = key,
          .time = "20130524T000000Z",
          .scope = "20130524/us-east-1/s3/aws4_request",
          .seed_signature = kSeed};
}

std::string ExampleChunks() {
  return "10000;chunk-signature="
         "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
         std::string(65536, 'a') +
         "\r\n400;chunk-signature="
         "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
         std::string(1024, 'a') +
         "\r\n0;chunk-signature="
         "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
}

TEST(ChunkedBodyTest, PublishedExample) {
  const auto body = DecodeChunkedBody(ExampleChunks(), ExampleSigning());
  ASSERT_TRUE(body.ok()) << body.status().ToString();
  EXPECT_EQ(body->bytes, std::string(65536 + 1024, 'a'));
}

TEST(ChunkedBodyTest, EveryByteIsSigned) {
  const std::string good = ExampleChunks();
  for (const size_t at : {size_t{100}, size_t{65700}, size_t{66000}}) {
    std::string bad = good;
    bad[at] = 'b';
    EXPECT_FALSE(DecodeChunkedBody(bad, ExampleSigning()).ok()) << at;
  }
  auto signing = ExampleSigning();
  signing.seed_signature = std::string(64, '0');
  EXPECT_EQ(WireCode(DecodeChunkedBody(good, signing).status(), Service::kS3),
            "SignatureDoesNotMatch");
}

TEST(ChunkedBodyTest, TrailersAndBrokenBodies) {
  const auto body =
      DecodeChunkedBody("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Amz-Checksum-Crc32: v\r\n\r\n", {});
  ASSERT_TRUE(body.ok());
  EXPECT_EQ(body->bytes, "abcde");
  ASSERT_EQ(body->trailers.size(), 1u);
  EXPECT_EQ(body->trailers[0].first, "x-amz-checksum-crc32");
  EXPECT_EQ(body->trailers[0].second, "v");
  for (const char* bad : {"", "3\r\nab", "3\r\nabcde", "-1\r\n", "g\r\n", "fffffffffffff\r\n",
                          "0\r\nnocolon\r\n", "3\r\nabc\r\n", "0"}) {
    EXPECT_EQ(WireCode(DecodeChunkedBody(bad, {}).status(), Service::kS3), "InvalidRequest") << bad;
  }
}

// -- digests

TEST(DigestsTest, CheckValues) {
  const std::string digits = "123456789";
  EXPECT_EQ(DigestOf("crc32", digits), "\xcb\xf4\x39\x26");
  EXPECT_EQ(DigestOf("crc32c", digits), "\xe3\x06\x92\x83");
  EXPECT_EQ(DigestOf("crc64nvme", digits), "\xae\x8b\x14\x86\x0a\x79\x98\x88");
  // However the bytes are cut.
  for (size_t cut = 0; cut <= 20; ++cut) {
    const std::string text = "abcdefghijklmnopqrst";
    const auto digest = MakeDigest("crc64nvme");
    digest->Update(text.substr(0, cut));
    digest->Update(text.substr(cut));
    EXPECT_EQ(digest->Finish(), DigestOf("crc64nvme", text));
  }
}

TEST(DigestsTest, Base64) {
  for (const auto& [bytes, text] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {std::string("\0\xff", 2), "AP8="}}) {
    EXPECT_EQ(ToBase64(bytes), text);
    EXPECT_EQ(FromBase64(text).ValueOrDie(), bytes);
  }
  for (const char* bad : {"Z", "Zg=", "Z===", "====", "Zg==Zg==", "Z g=", "Zm9\n"}) {
    EXPECT_FALSE(FromBase64(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace firth::doors::aws
