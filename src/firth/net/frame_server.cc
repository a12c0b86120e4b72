#include "firth/net/frame_server.h"

#include <algorithm>

#include "firth/common/clock.h"
#include "firth/net/connection_set_internal.h"
#include "firth/net/frame_connection_internal.h"

namespace firth::net {
namespace {

namespace asio = boost::asio;

class FrameServerImpl : public FrameServer {
 public:
  FrameServerImpl(EventLoops::Impl* loops, FrameServerOptions options, FrameHandlerFactory factory,
                  const std::shared_ptr<Listener>& listener)
      : loops_(loops), factory_(std::move(factory)), connections_(loops, listener) {
    shared_ = std::make_shared<FrameShared>(FrameShared{std::move(options), listener->counters()});
    timers_.resize(loops->loops.size());
    for (size_t i = 0; i < timers_.size(); ++i) {
      loops_->loops[i]->RunAndWait([this, i] {
        timers_[i] = std::make_unique<asio::steady_timer>(loops_->loops[i]->context);
        Tick(i);
      });
    }
    listener->Start([this](size_t loop, Socket socket) { Adopt(loop, std::move(socket)); });
  }

  ~FrameServerImpl() override { Stop(0); }

  std::vector<std::string> endpoints() const override { return shared_->counters->endpoints; }

  FrameServerMetrics GetMetrics() const override {
    const Traffic traffic = shared_->counters->Read();
    return {.connections = traffic.connections,
            .bytes_in = traffic.bytes_in,
            .bytes_out = traffic.bytes_out};
  }

  void StopListening() override { connections_.StopListening(); }

  void Stop(int64_t grace_ns) override {
    if (std::exchange(stopped_, true)) return;
    connections_.Stop(grace_ns);
    for (size_t i = 0; i < timers_.size(); ++i) {
      loops_->loops[i]->RunAndWait([this, i] { timers_[i].reset(); });
      loops_->loops[i]->RunAndWait([] {});  // what the timer's end has queued has run
    }
  }

 private:
  void Adopt(size_t loop, Socket socket) {
    if (connections_.stopping(loop)) return connections_.Gone();
    auto connection =
        std::make_shared<FrameSocket>(shared_, loops_->loops[loop].get(), std::move(socket));
    auto handler = factory_(connection);
    if (!handler) {
      connection->Close();
      return connections_.Gone();
    }
    connections_.Add(loop, connection);
    connection->Begin(std::move(handler), [this, loop](FrameSocket* gone) {
      connections_.Remove(loop, std::static_pointer_cast<FrameSocket>(gone->shared_from_this()));
    });
  }

  /// One coarse timer a loop looks after all of its connections.
  void Tick(size_t loop) {
    const auto period = std::chrono::nanoseconds(
        std::clamp<int64_t>(shared_->options.stall_ns / 4, 1'000'000, 1'000'000'000));
    timers_[loop]->expires_after(period);
    timers_[loop]->async_wait([this, loop](const boost::system::error_code& cancelled) {
      if (cancelled || !timers_[loop]) return;
      const int64_t now_ns = SystemClock().MonotonicNs();
      connections_.Each(loop, [now_ns](FrameSocket* connection) { connection->Tick(now_ns); });
      Tick(loop);
    });
  }

  EventLoops::Impl* const loops_;
  const FrameHandlerFactory factory_;
  std::shared_ptr<const FrameShared> shared_;
  ConnectionSet<FrameSocket> connections_;
  std::vector<std::unique_ptr<asio::steady_timer>> timers_;  // each for its loop's thread
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<FrameServer>> FrameServer::Start(EventLoops* loops,
                                                        FrameServerOptions options,
                                                        FrameHandlerFactory factory) {
  ARROW_ASSIGN_OR_RAISE(const auto listener,
                        Listener::Open(loops->impl(), options.listen, options.connections_max));
  return std::make_unique<FrameServerImpl>(loops->impl(), std::move(options), std::move(factory),
                                           listener);
}

}  // namespace firth::net
