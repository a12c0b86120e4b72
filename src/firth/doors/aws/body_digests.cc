#include "firth/doors/aws/body_digests.h"

#include <fmt/format.h>

#include <array>

#include "firth/common/text.h"

namespace firth::doors::aws {
namespace {

constexpr std::array<std::string_view, 5> kNames{"crc32", "crc32c", "crc64nvme", "sha1", "sha256"};

std::string HeaderOf(std::string_view name) {
  return "x-amz-checksum-" + std::string(name);
}

}  // namespace

BodyDigests::BodyDigests(const Call& call) : md5_(MakeDigest("md5")) {
  const std::string_view announced = call.request->Header("x-amz-trailer");
  for (const std::string_view name : kNames) {
    const std::string header = HeaderOf(name);
    if (call.Header(header).empty() && announced.find(header) == std::string_view::npos) continue;
    checksums_[std::string(name)] = MakeDigest(name);
  }
}

void BodyDigests::Update(std::string_view bytes) {
  md5_->Update(bytes);
  for (const auto& [name, digest] : checksums_) digest->Update(bytes);
}

Result<BodyFacts> BodyDigests::Finish(const Call& call) {
  BodyFacts facts;
  const std::string md5 = md5_->Finish();
  facts.md5_hex = ToHex(md5);
  if (const std::string_view given = call.Header("content-md5"); !given.empty()) {
    const auto bytes = FromBase64(given);
    if (!bytes.ok() || bytes->size() != md5.size()) {
      return Fault("InvalidDigest", "Content-MD5 is not 16 bytes in base64");
    }
    if (*bytes != md5) return Fault("BadDigest", "the body's MD5 is not the one given");
  }
  for (const std::string_view name : kNames) {
    const std::string_view given = call.Header(HeaderOf(name));
    if (given.empty()) continue;
    const auto digest = checksums_.find(std::string(name));
    if (digest == checksums_.end()) {
      return Fault("InvalidRequest", HeaderOf(name) + " is not announced in x-amz-trailer");
    }
    const std::string found = ToBase64(digest->second->Finish());
    if (found != given) {
      return Fault(
          "BadDigest",
          fmt::format("the body's {} is not the one given in x-amz-checksum-{}", name, name));
    }
    facts.checksums[std::string(name)] = found;
  }
  return facts;
}

Result<BodyFacts> VerifyBody(const Call& call) {
  BodyDigests digests(call);
  digests.Update(call.body);
  return digests.Finish(call);
}

}  // namespace firth::doors::aws
