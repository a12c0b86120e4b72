#include "firth/doors/aws/taken_body.h"

#include <utility>

#include "firth/common/text.h"

namespace firth::doors::aws {
namespace {

/// An object is a run of blobs of this size; this much of a body is held in memory.
constexpr size_t kBlobBytes = size_t{8} << 20;

}  // namespace

TakenBody::TakenBody(work::Objects* objects, const net::HttpRequest& request)
    : objects_(objects), request_(request) {
  call_.request = &request_;
  call_.service = Service::kS3;
  call_.taken = this;
}

TakenBody::~TakenBody() {
  objects_->Discard(staged_);
}

void TakenBody::Begin(Status checked) {
  status_ = std::move(checked);
  if (!status_.ok()) return;
  digests_.emplace(call_);
  if (proof_.kind == BodyProof::Kind::kChunks) chunks_.emplace(proof_.signing);
  if (proof_.kind == BodyProof::Kind::kHash) hash_ = MakeDigest("sha256");
}

Status TakenBody::Write(std::string_view bytes) {
  if (hash_ != nullptr) hash_->Update(bytes);
  status_ = chunks_.has_value()
                ? chunks_->Update(bytes, [this](std::string_view run) { return Take(run); })
                : Take(bytes);
  return status_;
}

Status TakenBody::Take(std::string_view bytes) {
  digests_->Update(bytes);
  while (!bytes.empty()) {
    const std::string_view run = bytes.substr(0, kBlobBytes - waiting_.size());
    waiting_ += run;
    bytes.remove_prefix(run.size());
    if (waiting_.size() == kBlobBytes) ARROW_RETURN_NOT_OK(Stage());
  }
  return Status::OK();
}

Status TakenBody::Stage() {
  ARROW_RETURN_NOT_OK(objects_->Append(&staged_, AsBytes(waiting_)));
  waiting_.clear();
  return Status::OK();
}

Status TakenBody::CheckEnd() {
  if (hash_ != nullptr && ToHex(hash_->Finish()) != proof_.hash) return WrongBodyHash();
  if (!chunks_.has_value()) return Status::OK();
  ARROW_RETURN_NOT_OK(chunks_->Finish());
  call_.trailers = chunks_->trailers();
  return CheckDecodedLength(request_, staged_.bytes + waiting_.size());
}

Result<work::StagedObject> TakenBody::Finish(BodyFacts* facts) {
  ARROW_RETURN_NOT_OK(status_);
  ARROW_RETURN_NOT_OK(CheckEnd());
  ARROW_ASSIGN_OR_RAISE(*facts, digests_->Finish(call_));
  ARROW_RETURN_NOT_OK(Stage());
  return std::exchange(staged_, {});
}

}  // namespace firth::doors::aws
