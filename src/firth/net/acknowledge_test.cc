// When a client's TCP is told that a request has come: with the answer, or before it.
#include <gtest/gtest.h>
#include <linux/tcp.h>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/net/frame_server.h"
#include "firth/net/socket_for_tests.h"

namespace firth::net {
namespace {

/// Echoes from another thread, when the read that brought the frame is likely to be over.
class Echoes : public FrameHandler {
 public:
  static constexpr int64_t kAnsweredAfterNs = 1'000'000;

  Echoes(Executor* executor, bool soon, std::shared_ptr<FrameConnection> connection)
      : executor_(executor), soon_(soon), connection_(std::move(connection)) {}
  void OnFrame(std::shared_ptr<arrow::Buffer> frame) override {
    executor_->PostAt(SystemClock().MonotonicNs() + kAnsweredAfterNs,
                      [connection = connection_, frame] { connection->Send({frame}); });
  }
  bool OnPause() override { return soon_; }
  void OnClosed() override {}

 private:
  Executor* const executor_;
  const bool soon_;
  const std::shared_ptr<FrameConnection> connection_;
};

/// Segments that a client gets for a request and its answer, of many.
double SegmentsPerRequest(bool answered_soon) {
  constexpr int kRequests = 200;
  SystemClock clock;
  ThreadPool pool("echo", 1, &clock);
  EventLoops loops(1);
  auto server =
      FrameServer::Start(&loops, {.listen = {"127.0.0.1:0"}}, [&](const auto& connection) {
        return std::make_shared<Echoes>(&pool, answered_soon, connection);
      }).ValueOrDie();
  SocketForTests client(server->endpoints().front());
  for (int i = 0; i < kRequests; ++i) {
    if (!client.SendFrame("request") || client.ReadFrame() != "request") {
      ADD_FAILURE() << "no answer to request " << i;
      break;
    }
  }
  tcp_info info{};
  socklen_t size = sizeof info;
  EXPECT_EQ(getsockopt(client.fd(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  return static_cast<double>(info.tcpi_segs_in) / kRequests;
}

TEST(AcknowledgeTest, WhatIsAnsweredSoonIsAcknowledgedByItsAnswer) {
  // Some of the first are acknowledged by themselves, as is what a busy machine is late with.
  EXPECT_LT(SegmentsPerRequest(/*answered_soon=*/true), 1.5);
}

TEST(AcknowledgeTest, WhatIsAnsweredLaterIsAcknowledgedAtOnce) {
  EXPECT_GT(SegmentsPerRequest(/*answered_soon=*/false), 1.9);
}

}  // namespace
}  // namespace firth::net
