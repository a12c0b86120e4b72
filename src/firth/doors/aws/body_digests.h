// What is computed of a body while it comes, and compared with what the request says of it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "firth/common/status.h"
#include "firth/doors/aws/call.h"
#include "firth/doors/aws/digests.h"

namespace firth::doors::aws {

/// What a body is to be stored with: its tag (MD5 in hex) and the checksums that were sent,
/// verified.
struct BodyFacts {
  std::string md5_hex;
  std::map<std::string, std::string> checksums;  // name to base64
};

class BodyDigests {
 public:
  /// Those that the request's headers name, or announce as trailing headers.
  explicit BodyDigests(const Call& call);
  void Update(std::string_view bytes);
  /// Once, when `call` has its trailing headers. Errors: Fault BadDigest, InvalidDigest;
  /// InvalidRequest for a checksum that was not announced.
  Result<BodyFacts> Finish(const Call& call);

 private:
  std::unique_ptr<Digest> md5_;
  std::map<std::string, std::unique_ptr<Digest>> checksums_;  // by their names
};

/// The same of a call whose whole body is held.
Result<BodyFacts> VerifyBody(const Call& call);

}  // namespace firth::doors::aws
