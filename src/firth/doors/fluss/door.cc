#include "firth/doors/fluss/door.h"

#include <arrow/compute/initialize.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/fluss/auto_partition.h"
#include "firth/doors/fluss/connection.h"
#include "firth/doors/fluss/kv_scans.h"
#include "firth/doors/fluss/lookup_places.h"
#include "firth/doors/fluss/written_tables.h"
#include "firth/net/frame_server.h"

namespace firth::doors::fluss {
namespace {

constexpr uint32_t kFrameBytesMax = uint32_t{100} << 20;
constexpr char kFirstDatabase[] = "fluss";
constexpr int64_t kPollNs = 5'000'000;
constexpr int64_t kExpireNs = int64_t{30} * 1'000'000'000;

/// The host and port of `host:port`; an IPv6 host without its brackets.
Node ReadEndpoint(const std::string& endpoint) {
  const size_t colon = endpoint.rfind(':');
  Node node{.host = endpoint.substr(0, colon),
            .port = static_cast<uint16_t>(std::stoul(endpoint.substr(colon + 1)))};
  if (node.host.starts_with('[')) node.host = node.host.substr(1, node.host.size() - 2);
  return node;
}

/// A new store begins with one database, as clients expect.
Status MakeFirstDatabase(table::Database* database) {
  const access::Caller internal = access::Internal();
  ARROW_ASSIGN_OR_RAISE(const auto namespaces, database->ListNamespaces(internal, Path{}));
  ARROW_ASSIGN_OR_RAISE(const auto tables, database->ListTables(internal, Path{}));
  if (!namespaces.empty() || !tables.empty()) return Status::OK();
  return database->CreateNamespace(internal, Path{{kFirstDatabase}}, {});
}

/// One kind of listener, and the connections that came in by it.
class Listener {
 public:
  Listener(std::shared_ptr<const Services> services, bool signs_in, std::string advertise)
      : services_(std::move(services)), signs_in_(signs_in), advertise_(std::move(advertise)) {}

  Status Start(net::EventLoops* loops, const std::vector<std::string>& listen) {
    if (listen.empty()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(server_, net::FrameServer::Start(
                                       loops, {.listen = listen, .frame_bytes_max = kFrameBytesMax},
                                       [this](const std::shared_ptr<net::FrameConnection>& wire) {
                                         return Accept(wire);
                                       }));
    std::lock_guard lock(mutex_);
    for (const auto& endpoint : server_->endpoints()) nodes_.push_back(ReadEndpoint(endpoint));
    started_.notify_all();
    return Status::OK();
  }

  std::vector<std::string> endpoints() const {
    return server_ == nullptr ? std::vector<std::string>() : server_->endpoints();
  }

  std::vector<std::shared_ptr<Connection>> Connections() {
    std::vector<std::shared_ptr<Connection>> alive;
    std::lock_guard lock(mutex_);
    std::erase_if(connections_, [&](const std::weak_ptr<Connection>& weak) {
      auto connection = weak.lock();
      if (connection == nullptr) return true;
      alive.push_back(std::move(connection));
      return false;
    });
    return alive;
  }

  /// Take no more clients, and no more requests of those that are there.
  void BeginStop() {
    if (server_ != nullptr) server_->StopListening();
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    for (const auto& connection : Connections()) connection->BeginStop();
  }

  void Stop(int64_t grace_ns) {
    if (server_ != nullptr) server_->Stop(grace_ns);
  }

 private:
  std::shared_ptr<net::FrameHandler> Accept(const std::shared_ptr<net::FrameConnection>& wire) {
    std::unique_lock lock(mutex_);
    // A client can be there before Start has asked where it listens.
    started_.wait(lock, [&] { return !nodes_.empty(); });
    if (stopping_) return nullptr;
    auto connection = std::make_shared<Connection>(
        services_, ListenerKind{.signs_in = signs_in_, .node = NodeFor(wire->local_port())}, wire);
    if (connections_.size() >= 2 * alive_at_sweep_ + 64) {
      std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
      alive_at_sweep_ = connections_.size();
    }
    connections_.push_back(connection);
    return connection;
  }

  /// What to tell a client that reached `port`: the configured host, or the one that is listened at
  /// there, IPv4 if there is one; a wildcard is told as loopback.
  Node NodeFor(uint16_t port) const {
    if (!advertise_.empty()) return {.host = advertise_, .port = port};
    Node found{.host = "127.0.0.1", .port = port};
    for (const Node& node : nodes_) {
      if (node.port != port) continue;
      found = node;
      if (node.host.find(':') == std::string::npos) break;
    }
    if (found.host == "0.0.0.0") found.host = "127.0.0.1";
    if (found.host == "::") found.host = "::1";
    return found;
  }

  const std::shared_ptr<const Services> services_;
  const bool signs_in_;
  const std::string advertise_;
  std::unique_ptr<net::FrameServer> server_;
  std::mutex mutex_;
  std::condition_variable started_;
  std::vector<Node> nodes_;                             // guarded by mutex_
  std::vector<std::weak_ptr<Connection>> connections_;  // guarded by mutex_
  size_t alive_at_sweep_ = 0;                           // guarded by mutex_
  bool stopping_ = false;                               // guarded by mutex_
};

class FlussDoorImpl : public FlussDoor {
 public:
  explicit FlussDoorImpl(const FlussDoorOptions& options)
      : options_(options),
        services_(std::make_shared<Services>(
            Services{.database = options.database,
                     .blocking = options.blocking,
                     .places = std::make_shared<LookupPlaces>(),
                     .written = std::make_shared<WrittenTables>(),
                     .scans = std::make_shared<KvScans>(&options.database->clock(),
                                                        options.database->random())})),
        plain_(services_, /*signs_in=*/false, options.advertise),
        sasl_(services_, /*signs_in=*/true, options.advertise),
        partitions_(options.database, options.blocking) {}
  ~FlussDoorImpl() override { Stop(0); }

  Status Open() {
    ARROW_RETURN_NOT_OK(arrow::compute::Initialize());  // for time zones
    ARROW_RETURN_NOT_OK(MakeFirstDatabase(options_.database));
    ARROW_RETURN_NOT_OK(plain_.Start(options_.loops, options_.listen));
    ARROW_RETURN_NOT_OK(sasl_.Start(options_.loops, options_.listen_sasl));
    partitions_.Start();
    scans_.Start(options_.blocking, &options_.database->clock(), kExpireNs,
                 [scans = services_->scans] { scans->Expire(); });
    return Status::OK();
  }

  std::vector<std::string> endpoints() const override { return plain_.endpoints(); }
  std::vector<std::string> endpoints_sasl() const override { return sasl_.endpoints(); }

  void Stop(int64_t grace_ns) override {
    if (std::exchange(stopped_, true)) return;
    partitions_.Stop();
    scans_.Stop();
    const Clock& clock = options_.database->clock();
    const int64_t until_ns = clock.MonotonicNs() + grace_ns;
    for (Listener* listener : {&plain_, &sasl_}) listener->BeginStop();
    while (RequestsInWork() > 0 && clock.MonotonicNs() < until_ns) WaitALittle();
    const int64_t left_ns = std::max<int64_t>(0, until_ns - clock.MonotonicNs());
    plain_.Stop(left_ns);
    sasl_.Stop(left_ns);
    services_->scans->Clear();
  }

 private:
  uint64_t RequestsInWork() {
    uint64_t requests = 0;
    for (Listener* listener : {&plain_, &sasl_}) {
      for (const auto& connection : listener->Connections()) {
        requests += connection->requests_in_work();
      }
    }
    return requests;
  }

  /// Wait on a timer of the executor, so that no clock but the given one is asked.
  void WaitALittle() {
    struct Done {
      std::mutex mutex;
      std::condition_variable ready;
      bool done = false;
    };
    const auto state = std::make_shared<Done>();
    options_.blocking->PostAt(options_.database->clock().MonotonicNs() + kPollNs, [state] {
      std::lock_guard lock(state->mutex);
      state->done = true;
      state->ready.notify_all();
    });
    std::unique_lock lock(state->mutex);
    state->ready.wait(lock, [&] { return state->done; });
  }

  const FlussDoorOptions options_;
  const std::shared_ptr<const Services> services_;
  Listener plain_;
  Listener sasl_;
  AutoPartitions partitions_;
  table::Rounds scans_;  // closes those that were left alone
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<FlussDoor>> FlussDoor::Start(const FlussDoorOptions& options) {
  auto door = std::make_unique<FlussDoorImpl>(options);
  ARROW_RETURN_NOT_OK(door->Open());
  return door;
}

}  // namespace firth::doors::fluss
