#include "firth/net/frame_server.h"

#include <algorithm>
#include <condition_variable>
#include <unordered_set>

#include "firth/common/clock.h"
#include "firth/net/frame_connection_internal.h"

namespace firth::net {
namespace {

namespace asio = boost::asio;

/// The connections of one loop, and the one timer that looks after them. For the loop's thread.
struct Shard {
  Loop* loop = nullptr;
  std::unique_ptr<asio::steady_timer> timer;
  std::unordered_set<std::shared_ptr<FrameSocket>> connections;
  bool stopping = false;
};

class FrameServerImpl : public FrameServer {
 public:
  FrameServerImpl(EventLoops::Impl* loops, FrameServerOptions options, FrameHandlerFactory factory,
                  std::shared_ptr<Listener> listener)
      : factory_(std::move(factory)), listener_(std::move(listener)) {
    shared_ = std::make_shared<FrameShared>(FrameShared{std::move(options), listener_->counters()});
    for (auto& loop : loops->loops) {
      shards_.push_back(std::make_unique<Shard>());
      shards_.back()->loop = loop.get();
    }
  }

  ~FrameServerImpl() override { Stop(0); }

  void Begin() {
    for (auto& shard : shards_) {
      shard->loop->RunAndWait([this, &shard] {
        shard->timer = std::make_unique<asio::steady_timer>(shard->loop->context);
        Tick(shard.get());
      });
    }
    listener_->Start(
        [this](size_t loop, Socket socket) { Adopt(shards_[loop].get(), std::move(socket)); });
  }

  std::vector<std::string> endpoints() const override { return shared_->counters->endpoints; }

  FrameServerMetrics GetMetrics() const override {
    const Traffic traffic = shared_->counters->Read();
    return {.connections = traffic.connections,
            .bytes_in = traffic.bytes_in,
            .bytes_out = traffic.bytes_out};
  }

  void Stop(int64_t grace_ns) override {
    if (std::exchange(stopped_, true)) return;
    listener_->Stop();
    ForAll([](FrameSocket* connection) { connection->Drain(); });
    {
      std::unique_lock lock(mutex_);
      gone_.wait_for(lock, std::chrono::nanoseconds(grace_ns), [this] { return NoneIsLeft(); });
    }
    ForAll([](FrameSocket* connection) { connection->Close(); });
    {  // sockets that were on their way between two loops
      std::unique_lock lock(mutex_);
      gone_.wait(lock, [this] { return NoneIsLeft(); });
    }
    for (auto& shard : shards_) {
      shard->loop->RunAndWait([&shard] { shard->timer.reset(); });
      shard->loop->RunAndWait([] {});  // what the timer's end has queued has run
    }
  }

 private:
  bool NoneIsLeft() const { return shared_->counters->connections.load() == 0; }

  /// A socket is no more.
  void Gone() {
    std::lock_guard lock(mutex_);  // so that Stop cannot miss it
    listener_->Closed();
    gone_.notify_all();
  }

  void Adopt(Shard* shard, Socket socket) {
    if (shard->stopping) return Gone();
    auto connection = std::make_shared<FrameSocket>(shared_, shard->loop, std::move(socket));
    auto handler = factory_(connection);
    if (!handler) {
      connection->Close();
      return Gone();
    }
    shard->connections.insert(connection);
    connection->Begin(std::move(handler), [this, shard](FrameSocket* gone) {
      shard->connections.erase(gone->shared_from_this());
      Gone();
    });
  }

  void Tick(Shard* shard) {
    const auto period = std::chrono::nanoseconds(
        std::clamp<int64_t>(shared_->options.stall_ns / 4, 1'000'000, 1'000'000'000));
    shard->timer->expires_after(period);
    shard->timer->async_wait([this, shard](const boost::system::error_code& cancelled) {
      if (cancelled || !shard->timer) return;
      const int64_t now_ns = SystemClock().MonotonicNs();
      EachOf(shard, [now_ns](FrameSocket* connection) { connection->Tick(now_ns); });
      Tick(shard);
    });
  }

  template <typename Call>
  static void EachOf(Shard* shard, Call call) {
    // A copy, because a call may close its connection, which leaves the set.
    const std::vector<std::shared_ptr<FrameSocket>> all(shard->connections.begin(),
                                                        shard->connections.end());
    for (const auto& connection : all) call(connection.get());
  }

  /// Call for every connection, those that are still to come excepted, which are refused.
  template <typename Call>
  void ForAll(Call call) {
    for (auto& shard : shards_) {
      shard->loop->RunAndWait([&] {
        shard->stopping = true;
        EachOf(shard.get(), call);
      });
    }
  }

  const FrameHandlerFactory factory_;
  const std::shared_ptr<Listener> listener_;
  std::shared_ptr<const FrameShared> shared_;
  std::vector<std::unique_ptr<Shard>> shards_;
  bool stopped_ = false;
  std::mutex mutex_;
  std::condition_variable gone_;
};

}  // namespace

Result<std::unique_ptr<FrameServer>> FrameServer::Start(EventLoops* loops,
                                                        FrameServerOptions options,
                                                        FrameHandlerFactory factory) {
  ARROW_ASSIGN_OR_RAISE(
      auto listener, Listener::Open(loops->impl(), options.listen, options.connections_max));
  auto server = std::make_unique<FrameServerImpl>(loops->impl(), std::move(options),
                                                  std::move(factory), std::move(listener));
  server->Begin();
  return server;
}

}  // namespace firth::net
