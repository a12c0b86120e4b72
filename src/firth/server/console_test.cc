// Goal: the console tells probes and Prometheus what the server's state is, and nothing else.
#include "firth/server/console.h"

#include <gtest/gtest.h>

#include <atomic>

#include "firth/net/socket_for_tests.h"

namespace firth::server {
namespace {

class FakeState : public ServerState {
 public:
  bool IsReady() const override { return ready; }
  std::string MetricsText() const override { return "firth_ready 1\n"; }
  std::atomic<bool> ready{false};
};

class ConsoleTest : public testing::Test {
 protected:
  void SetUp() override {
    ConsoleOptions options;
    options.loops = &loops_;
    options.clock = &clock_;
    options.state = &state_;
    options.listen = {"127.0.0.1:0"};
    auto door = ConsoleDoor::Start(options);
    ASSERT_TRUE(door.ok()) << door.status();
    door_ = std::move(*door);
  }
  std::string Ask(const std::string& method, const std::string& path) {
    net::SocketForTests client(door_->endpoints().front());
    client.Send(method + " " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    return client.ReadToEnd();
  }

  FakeState state_;
  SystemClock clock_;
  net::EventLoops loops_{1};
  std::unique_ptr<ConsoleDoor> door_;
};

TEST_F(ConsoleTest, LivesBeforeItIsReady) {
  EXPECT_TRUE(Ask("GET", "/healthz").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(Ask("GET", "/readyz").starts_with("HTTP/1.1 503 "));
  state_.ready = true;
  EXPECT_TRUE(Ask("GET", "/readyz").starts_with("HTTP/1.1 200 "));
  state_.ready = false;
  EXPECT_TRUE(Ask("GET", "/readyz?verbose").starts_with("HTTP/1.1 503 "));
}

TEST_F(ConsoleTest, GivesMetricsAsPrometheusWantsThem) {
  const std::string answer = Ask("GET", "/metrics");
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nfirth_ready 1\n"));
}

TEST_F(ConsoleTest, AnswersNothingElse) {
  EXPECT_TRUE(Ask("GET", "/metrics/x").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Ask("HEAD", "/healthz").ends_with("\r\n\r\n"));
  const std::string refused = Ask("POST", "/metrics");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 405 "));
  EXPECT_NE(refused.find("Allow: GET, HEAD\r\n"), std::string::npos);
}

}  // namespace
}  // namespace firth::server
