#include "firth/doors/fluss/connection.h"

#include <string>
#include <utility>

#include "firth/common/logging.h"
#include "firth/doors/fluss/apis.h"

namespace firth::doors::fluss {
namespace {

/// Requests that carry no rows are never longer than this.
constexpr size_t kSmallBodyBytesMax = size_t{16} << 20;
/// Writes that came together are given to the executor together, but no more than this.
constexpr size_t kGatheredMax = 64;

Bytes BytesOf(const arrow::Buffer& buffer) {
  return {reinterpret_cast<const std::byte*>(buffer.data()), static_cast<size_t>(buffer.size())};
}

}  // namespace

Connection::Connection(std::shared_ptr<const Services> services, ListenerKind kind,
                       std::shared_ptr<net::FrameConnection> wire)
    : services_(std::move(services)),
      kind_(std::move(kind)),
      wire_(std::move(wire)),
      in_order_(services_->blocking),
      caller_(services_->database->access()->Anonymous()),
      signed_in_(!kind_.signs_in) {}

void Connection::OnFrame(std::shared_ptr<arrow::Buffer> frame) {
  RequestHeader header;
  if (!ReadHeader(BytesOf(*frame), &header)) {
    // There is no request id to answer to.
    logging::Warning("fluss", "{} sent a frame without a header; closing", wire_->peer());
    wire_->CloseWhenSent();
    return;
  }
  if (stopping_) return;
  if (requests_ >= kRequestsMax) {
    logging::Warning("fluss", "{} has {} requests unanswered; closing", wire_->peer(),
                     kRequestsMax);
    wire_->CloseWhenSent();
    return;
  }
  Dispatch(std::make_shared<Request>(shared_from_this(), header, std::move(frame)), header);
}

void Connection::Dispatch(const RequestPtr& request, const RequestHeader& header) {
  const Api* api = FindApi(header.api_key);
  if (api == nullptr) {
    return request->Refuse(Wire::kUnsupportedVersion, "this server does not serve the api key " +
                                                          std::to_string(header.api_key));
  }
  if (header.api_version < api->version_min || header.api_version > api->version_max) {
    return request->Refuse(Wire::kUnsupportedVersion,
                           std::string(api->name) + " is served in the versions " +
                               std::to_string(api->version_min) + " to " +
                               std::to_string(api->version_max) + ", not in version " +
                               std::to_string(header.api_version));
  }
  if (!api->before_sign_in && !signed_in()) {
    return request->Refuse(Wire::kAuthentication, "sign in first");
  }
  if (!api->large && request->body().size() > kSmallBodyBytesMax) {
    return request->Refuse(Wire::kCorruptRecord, "the request is longer than 16 MiB");
  }
  if (request_bytes_ > kRequestBytesMax || *services_->request_bytes > kAllRequestBytesMax) {
    return request->Refuse(Wire::kTimeOut, "too much is in work; send it again");
  }
  answered_soon_ |= api->runs == Runs::kAtOnce;
  switch (api->runs) {
    case Runs::kAtOnce:
      return api->serve(request);
    case Runs::kBlocking:
      // Who has gone waits for nothing; who asks and goes, again and again, leaves no work behind.
      return services_->blocking->Post([request, api] {
        if (!request->connection().closed()) api->serve(request);
      });
    case Runs::kInOrder:
      // What wakes no thread, and is looked at while it is in this one's cache, costs the least.
      if (in_order_left_ == 0 && api->serve_at_once != nullptr && api->serve_at_once(request)) {
        return;
      }
      ++in_order_left_;
      gathered_.push_back([request, api] {
        api->serve(request);
        --request->connection().in_order_left_;
      });
      if (gathered_.size() >= kGatheredMax) GiveGathered();
      return;
  }
}

bool Connection::OnPause() {
  GiveGathered();
  return std::exchange(answered_soon_, false);
}

void Connection::GiveGathered() {
  in_order_.PostAll(std::exchange(gathered_, {}));
}

void Connection::OnClosed() {
  GiveGathered();
  std::set<std::shared_ptr<Parked>> parked;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    parked.swap(parked_);
  }
  for (const auto& one : parked) one->Drop();
}

void Connection::BeginStop() {
  std::set<std::shared_ptr<Parked>> parked;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    parked = parked_;
  }
  for (const auto& one : parked) one->Hurry();
}

access::Caller Connection::caller() const {
  std::lock_guard lock(mutex_);
  return caller_;
}

bool Connection::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

void Connection::SignIn(access::Caller caller) {
  std::lock_guard lock(mutex_);
  caller_ = std::move(caller);
  signed_in_ = true;
}

bool Connection::Park(const std::shared_ptr<Parked>& parked) {
  std::lock_guard lock(mutex_);
  if (closed_ || stopping_) return false;
  parked_.insert(parked);
  return true;
}

void Connection::Unpark(const std::shared_ptr<Parked>& parked) {
  std::lock_guard lock(mutex_);
  parked_.erase(parked);
}

void Connection::RequestBegins(uint64_t bytes) {
  ++requests_;
  request_bytes_ += bytes;
  *services_->request_bytes += bytes;
}

void Connection::RequestEnds(uint64_t bytes) {
  *services_->request_bytes -= bytes;
  request_bytes_ -= bytes;
  --requests_;
}

}  // namespace firth::doors::fluss
