// One client's connection: its frames become requests, and find their handler.
#pragma once

#include <arrow/buffer.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <vector>

#include "firth/access/access.h"
#include "firth/common/strand.h"
#include "firth/doors/fluss/request.h"
#include "firth/net/frame_server.h"

namespace firth::doors::fluss {

/// A request that waits for something without a thread.
class Parked {
 public:
  virtual ~Parked() = default;
  /// Forget it: nobody is there for the answer.
  virtual void Drop() = 0;
  /// Answer now with what there is: the server stops.
  virtual void Hurry() = 0;
};

/// What a listener says of its connections.
struct ListenerKind {
  bool signs_in = false;  // SASL; else callers are anonymous
  Node node;              // where answers send clients
};

/// Thread-safe, but for OnFrame, OnPause and OnClosed, which net calls one at a time.
class Connection : public net::FrameHandler, public std::enable_shared_from_this<Connection> {
 public:
  /// A client may have this many requests unanswered; one with more is not a client.
  static constexpr uint64_t kRequestsMax = 8192;
  /// While requests of one client hold more than this, further ones are told to come again.
  static constexpr uint64_t kRequestBytesMax = uint64_t{256} << 20;
  /// The same for the requests of all clients, also of those that have gone.
  static constexpr uint64_t kAllRequestBytesMax = uint64_t{1} << 30;

  Connection(std::shared_ptr<const Services> services, ListenerKind kind,
             std::shared_ptr<net::FrameConnection> wire);

  void OnFrame(std::shared_ptr<arrow::Buffer> frame) override;
  bool OnPause() override;
  void OnClosed() override;

  void Send(std::vector<std::shared_ptr<arrow::Buffer>> parts) { wire_->Send(std::move(parts)); }
  void SendText(std::string_view frame) { wire_->SendText(frame); }

  const std::shared_ptr<const Services>& services() const { return services_; }
  const Node& node() const { return kind_.node; }
  bool signs_in() const { return kind_.signs_in; }
  access::Caller caller() const;
  bool signed_in() const { return signed_in_; }
  bool closed() const;
  void SignIn(access::Caller caller);

  /// Clients since 1.0.0 ask which versions are served, and then read batches of older schemas by
  /// themselves; those before know the newest schema only.
  void ReadsOlderSchemas() { reads_older_schemas_ = true; }
  bool reads_older_schemas() const { return reads_older_schemas_; }

  /// Keep a parked request so that it is dropped when the connection closes. False: it is closed,
  /// or the server stops; the request was dropped or hurried and must not wait.
  bool Park(const std::shared_ptr<Parked>& parked);
  void Unpark(const std::shared_ptr<Parked>& parked);

  void RequestBegins(uint64_t bytes);
  void RequestEnds(uint64_t bytes);
  uint64_t requests_in_work() const { return requests_; }

  /// Read no more requests and hurry those that wait.
  void BeginStop();

 private:
  void Dispatch(const std::shared_ptr<Request>& request, const RequestHeader& header);
  void GiveGathered();

  const std::shared_ptr<const Services> services_;
  const ListenerKind kind_;
  const std::shared_ptr<net::FrameConnection> wire_;
  Strand in_order_;
  std::vector<Executor::Task> gathered_;    // of net's thread: for in_order_, at the next pause
  bool answered_soon_ = false;              // of net's thread: some since the last pause
  std::atomic<uint64_t> in_order_left_{0};  // requests given to in_order_ that are not served yet
  std::atomic<uint64_t> requests_{0};
  std::atomic<uint64_t> request_bytes_{0};
  std::atomic<bool> reads_older_schemas_{false};
  mutable std::mutex mutex_;
  access::Caller caller_;        // guarded by mutex_
  bool closed_ = false;          // guarded by mutex_
  std::atomic<bool> signed_in_;  // set with mutex_ held, as the next
  std::atomic<bool> stopping_{false};
  std::set<std::shared_ptr<Parked>> parked_;  // guarded by mutex_
};

}  // namespace firth::doors::fluss
