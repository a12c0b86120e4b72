// The body of an object on its way into the store: decoded, verified and staged piece by piece, so
// that however long it is, a few pieces are in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "firth/doors/aws/body_digests.h"
#include "firth/doors/aws/call.h"
#include "firth/doors/aws/chunked_body.h"
#include "firth/doors/aws/sign_in.h"
#include "firth/net/http_server.h"
#include "firth/work/objects.h"

namespace firth::doors::aws {

/// One thread at a time. What it staged and nobody took is discarded with it.
class TakenBody : public net::HttpBodySink {
 public:
  /// Of a request whose headers have come and whose service is S3.
  TakenBody(work::Objects* objects, const net::HttpRequest& request);
  ~TakenBody() override;

  /// The call as far as it is known without its body; for who checks it before the body comes.
  Call* call() { return &call_; }
  BodyProof* proof() { return &proof_; }
  /// What was found out: the body is taken while that is OK.
  void Begin(Status checked);
  const Status& status() const { return status_; }

  bool wanted() const override { return status_.ok(); }
  Status Write(std::string_view bytes) override;

  /// All has come: check what was said of it, and hand over what was staged.
  Result<work::StagedObject> Finish(BodyFacts* facts);

 private:
  Status Take(std::string_view bytes);
  Status Stage();
  Status CheckEnd();

  work::Objects* const objects_;
  const net::HttpRequest request_;
  Call call_;
  BodyProof proof_;
  Status status_;
  std::optional<BodyDigests> digests_;
  std::optional<ChunkDecoder> chunks_;
  std::unique_ptr<Digest> hash_;  // of the bytes as they come, if that is signed
  std::string waiting_;           // not staged yet
  work::StagedObject staged_;
};

}  // namespace firth::doors::aws
