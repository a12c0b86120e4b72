// Goal: frames cross whole, in order and in bounded memory, and connections end when they should.
// Method: a real server on ports of the kernel's choice, driven by blocking sockets; tests wait for
// what the server tells its handlers, never for time to pass.
#include "firth/net/frame_server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <condition_variable>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "firth/common/clock.h"
#include "firth/common/later.h"
#include "firth/common/sanitizer.h"
#include "firth/net/socket_for_tests.h"

namespace firth::net {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kLongNs = 30'000 * kMs;

/// What the handlers of a test report.
struct Seen {
  std::mutex mutex;
  std::condition_variable changed;
  int opened = 0;
  int closed = 0;
  int frames = 0;
  int pauses = 0;

  void Add(int* count) {
    std::lock_guard lock(mutex);
    ++*count;
    changed.notify_all();
  }
  bool Wait(const int& count, int wanted) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return count >= wanted; });
  }
};

using Reaction =
    std::function<void(const std::shared_ptr<FrameConnection>&, std::shared_ptr<arrow::Buffer>)>;

class Handler : public FrameHandler {
 public:
  Handler(Seen* seen, std::shared_ptr<FrameConnection> connection, Reaction on_frame)
      : seen_(seen), connection_(std::move(connection)), on_frame_(std::move(on_frame)) {
    seen_->Add(&seen_->opened);
  }
  void OnFrame(std::shared_ptr<arrow::Buffer> frame) override {
    on_frame_(connection_, std::move(frame));
    seen_->Add(&seen_->frames);
  }
  bool OnPause() override { return seen_->Add(&seen_->pauses), false; }
  void OnClosed() override { seen_->Add(&seen_->closed); }

 private:
  Seen* const seen_;
  const std::shared_ptr<FrameConnection> connection_;
  const Reaction on_frame_;
};

void Echo(const std::shared_ptr<FrameConnection>& connection,
          std::shared_ptr<arrow::Buffer> frame) {
  connection->Send({std::move(frame)});
}

class FrameServerTest : public testing::Test {
 protected:
  void Start(FrameServerOptions options = {}, Reaction on_frame = Echo) {
    if (options.listen.empty()) options.listen = {"127.0.0.1:0"};
    auto server = FrameServer::Start(
        &loops_, options, [this, on_frame](const std::shared_ptr<FrameConnection>& connection) {
          return std::make_shared<Handler>(&seen_, connection, on_frame);
        });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }
  std::string endpoint() const { return server_->endpoints().front(); }

  Seen seen_;
  EventLoops loops_{2};
  std::unique_ptr<FrameServer> server_;
};

TEST_F(FrameServerTest, EchoesSmallAndLargeFramesInOrder) {
  Start();
  std::mt19937 random(7);
  std::vector<std::string> frames;
  for (int i = 0; i < 3000; ++i) {
    const size_t bytes = i % 300 == 299 ? 1'500'000 + random() % 1'000'000 : random() % 3000;
    frames.emplace_back(bytes, static_cast<char>('a' + i % 26));
  }
  SocketForTests client(endpoint());
  std::jthread writer([&] {
    for (const auto& frame : frames) ASSERT_TRUE(client.SendFrame(frame));
  });
  for (const auto& frame : frames) ASSERT_EQ(client.ReadFrame(), frame);
  EXPECT_EQ(server_->GetMetrics().connections, 1);
  server_->Stop(kLongNs);  // what a client has read may be counted a moment later
  EXPECT_EQ(server_->GetMetrics().bytes_in, server_->GetMetrics().bytes_out);
}

TEST_F(FrameServerTest, SmallFramesThatComeOneByOneAreAllAnswered) {
  Start();  // fast enough that reads are held back, as read_pace.h has it
  constexpr int kRounds = 20;
  constexpr int kFrames = 500;
  SocketForTests client(endpoint());
  for (int round = 0; round < kRounds; ++round) {
    std::jthread writer([&] {
      for (int i = 0; i < kFrames; ++i) ASSERT_TRUE(client.SendFrame(std::to_string(i)));
    });
    for (int i = 0; i < kFrames; ++i) ASSERT_EQ(client.ReadFrame(), std::to_string(i));
    writer.join();
    ASSERT_TRUE(client.SendFrame("alone"));
    ASSERT_EQ(client.ReadFrame(), "alone");
  }
  EXPECT_EQ(seen_.frames, kRounds * (kFrames + 1));
}

TEST_F(FrameServerTest, APauseComesAfterFrames) {
  Start();
  SocketForTests client(endpoint());
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(client.SendFrame("frame"));
    ASSERT_EQ(client.ReadFrame(), "frame");
    EXPECT_TRUE(seen_.Wait(seen_.pauses, i));
  }
  EXPECT_EQ(seen_.frames, 3);
}

TEST_F(FrameServerTest, AnswersThatAreMadeTogetherLeaveTogether) {
  std::promise<std::shared_ptr<FrameConnection>> opened;
  Start({}, [&](const auto& connection, auto) { opened.set_value(connection); });
  SocketForTests client(endpoint());
  ASSERT_TRUE(client.SendFrame("frame"));
  const auto connection = opened.get_future().get();
  {
    const Later later;
    connection->Send({arrow::Buffer::FromString("one")});
    connection->Send({arrow::Buffer::FromString("two")});
    pollfd waits{.fd = client.fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&waits, 1, 20), 0);
  }
  EXPECT_EQ(client.ReadFrame(), "one");
  EXPECT_EQ(client.ReadFrame(), "two");
}

TEST_F(FrameServerTest, TellsPeerAndPort) {
  std::promise<std::pair<std::string, uint16_t>> told;
  Start({}, [&](const auto& connection, auto) {
    told.set_value({connection->peer(), connection->local_port()});
  });
  SocketForTests client(endpoint());
  ASSERT_TRUE(client.SendFrame(""));
  const auto [peer, port] = told.get_future().get();
  EXPECT_TRUE(peer.starts_with("127.0.0.1:")) << peer;
  EXPECT_EQ(endpoint(), "127.0.0.1:" + std::to_string(port));
}

TEST_F(FrameServerTest, SendsPartsAsOneFrameFromAnyThread) {
  Start({}, [](const auto& connection, auto frame) {
    std::thread([connection, frame] {
      const std::vector<std::shared_ptr<arrow::Buffer>> parts(100, frame);
      connection->Send(parts);
      connection->Send({});
    }).join();
  });
  SocketForTests client(endpoint());
  const std::string part(5000, 'p');
  ASSERT_TRUE(client.SendFrame(part));
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += part;
  EXPECT_EQ(client.ReadFrame(), expected);
  EXPECT_EQ(client.Read(4), std::string(4, '\0'));
}

/// So many frames of one thread: its name and their number, and now and then more than a socket
/// takes.
void SendNumbered(const std::shared_ptr<FrameConnection>& connection, char name, int count) {
  for (int i = 0; i < count; ++i) {
    std::string text = name + std::to_string(i) + ' ';
    if (i % 50 == 49) text.append(1 << 20, 'x');
    connection->Send({arrow::Buffer::FromString(std::move(text))});
  }
}

TEST_F(FrameServerTest, WhatManyThreadsSendArrivesWholeAndInTheirOrder) {
  constexpr int kFrames = 300;
  std::vector<std::jthread> senders;
  // So little may wait that reading stops and goes on again and again.
  Start({.pending_bytes_max = 1 << 10}, [&](const auto& connection, auto frame) {
    if (frame->size() > 0) return connection->Send({frame});
    for (const char name : {'a', 'b', 'c', 'd'}) {
      senders.emplace_back([=] { SendNumbered(connection, name, kFrames); });
    }
  });
  SocketForTests client(endpoint());
  ASSERT_TRUE(client.SendFrame(""));
  std::jthread asker([&] {
    for (int i = 0; i < kFrames; ++i) ASSERT_TRUE(client.SendFrame("e" + std::to_string(i) + ' '));
  });
  std::map<char, int> next;
  for (int i = 0; i < 5 * kFrames; ++i) {
    const std::string frame = client.ReadFrame();
    ASSERT_FALSE(frame.empty());
    ASSERT_EQ(std::stoi(frame.substr(1)), next[frame[0]]++);
  }
  EXPECT_EQ(next.size(), 5);
  server_->Stop(kLongNs);
  EXPECT_EQ(seen_.frames, kFrames + 1);
}

TEST_F(FrameServerTest, ThreadsMaySendToAClientThatLeaves) {
  constexpr int kClients = 50;
  std::vector<std::jthread> senders;
  Start({}, [&](const auto& connection, auto) {
    for (const char name : {'a', 'b'}) {
      senders.emplace_back([=] { SendNumbered(connection, name, 200); });
    }
  });
  for (int i = 1; i <= kClients; ++i) {
    SocketForTests client(endpoint());
    ASSERT_TRUE(client.SendFrame("frame"));
    ASSERT_FALSE(client.ReadFrame().empty());
    client.Close();
    ASSERT_TRUE(seen_.Wait(seen_.closed, i));
    senders.clear();
  }
  server_->Stop(kLongNs);
  EXPECT_EQ(server_->GetMetrics().connections, 0);
}

TEST_F(FrameServerTest, ClosesAtAFrameThatIsTooLong) {
  Start({.frame_bytes_max = 1000});
  SocketForTests client(endpoint());
  ASSERT_TRUE(client.SendFrame(std::string(1000, 'x')));
  EXPECT_EQ(client.ReadFrame().size(), 1000);
  client.SendFrame(std::string(1001, 'x'));
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_TRUE(seen_.Wait(seen_.closed, 1));
}

TEST_F(FrameServerTest, ReadsNothingWhileTooMuchWaitsToBeSent) {
  constexpr uint64_t kPendingMax = 4 << 20;
  Start({.pending_bytes_max = kPendingMax});
  SocketForTests client(endpoint());
  const std::string body(64 << 10, 'b');
  std::string frame;
  AppendBe(&frame, static_cast<uint32_t>(body.size()));
  frame += body;
  size_t sent = 0;  // until the server takes no more, because we read nothing
  while (const size_t count =
             client.SendSome(std::string_view(frame).substr(sent % frame.size()), 300)) {
    sent += count;
    ASSERT_LT(sent, size_t{1} << 30);
  }
  // Read, but not yet sent: the bound, the frame that went past it, and one read.
  constexpr size_t kReadMax = 512 << 10;
  const auto metrics = server_->GetMetrics();
  EXPECT_LE(metrics.bytes_in - metrics.bytes_out, kPendingMax + kReadMax + 4 * frame.size());
  const size_t whole = sent / frame.size();
  ASSERT_GT(whole, kPendingMax / frame.size());
  for (size_t i = 0; i < whole; ++i) ASSERT_EQ(client.ReadFrame(), body);
  ASSERT_TRUE(client.Send(std::string_view(frame).substr(sent % frame.size())));
  EXPECT_EQ(client.ReadFrame(), body);
}

TEST_F(FrameServerTest, ClosesWhenAFrameStaysIncomplete) {
  Start({.stall_ns = 40 * kMs});
  SocketForTests idle(endpoint());
  SocketForTests half(endpoint());
  std::string begun;
  AppendBe(&begun, uint32_t{1000});
  ASSERT_TRUE(half.Send(begun + "half of it"));
  EXPECT_EQ(half.ReadToEnd(), "");
  SocketForTests less(endpoint());
  ASSERT_TRUE(less.Send(std::string(1, '\0')));
  EXPECT_EQ(less.ReadToEnd(), "");
  ASSERT_TRUE(idle.SendFrame("an idle connection stays"));
  EXPECT_EQ(idle.ReadFrame(), "an idle connection stays");
}

TEST_F(FrameServerTest, ClosesWhenAClientTakesNothing) {
  Start({.pending_bytes_max = 1 << 20, .stall_ns = 60 * kMs}, [](const auto& connection, auto) {
    connection->Send({arrow::Buffer::FromString(std::string(64 << 20, 'x'))});
  });
  SocketForTests client(endpoint());
  ASSERT_TRUE(client.SendFrame("give"));
  EXPECT_TRUE(seen_.Wait(seen_.closed, 1));
}

TEST_F(FrameServerTest, ASlowClientThatTakesSomethingStays) {
  constexpr int64_t kStallNs = 300 * kMs;
  constexpr size_t kPiece = 8 << 10;
  Start({.stall_ns = kStallNs}, [](const auto& connection, auto) {
    connection->Send({arrow::Buffer::FromString(std::string(24 << 20, 'x'))});
  });
  SocketForTests client(endpoint());
  ASSERT_TRUE(client.SendFrame("give"));
  ASSERT_EQ(client.Read(4).size(), 4);
  // For longer than a stall, take too little to free much of the kernel's buffer.
  const SystemClock clock;
  const int64_t begin_ns = clock.MonotonicNs();
  for (int64_t before_ns = begin_ns; before_ns < begin_ns + 3 * kStallNs;) {
    const size_t got = client.Read(kPiece).size();
    pollfd never{.fd = -1, .events = 0, .revents = 0};
    poll(&never, 1, 5);
    const int64_t now_ns = clock.MonotonicNs();
    if (now_ns - before_ns > kStallNs / 4)
      GTEST_SKIP() << "the machine is too busy to be slow on it";
    ASSERT_EQ(got, kPiece);
    before_ns = now_ns;
  }
}

TEST_F(FrameServerTest, TheLastAnswerArrivesBeforeTheEnd) {
  Start({}, [](const auto& connection, auto) {
    connection->Send({arrow::Buffer::FromString("refused")});
    connection->CloseWhenSent();
    connection->Send({});  // after the decision to close it may be sent, or not
  });
  SocketForTests client(endpoint());
  // More than the server reads: closing at once would reset the connection and lose the answer.
  std::string frames;
  for (int i = 0; i < 20'000; ++i) {
    AppendBe(&frames, uint32_t{12});
    frames += "another one.";
  }
  ASSERT_TRUE(client.Send(frames));
  EXPECT_EQ(client.ReadFrame(), "refused");
  client.Close();
  EXPECT_TRUE(seen_.Wait(seen_.closed, 1));
  EXPECT_EQ(seen_.frames, 1);
}

TEST_F(FrameServerTest, NoticesAClientThatLeaves) {
  Start();
  {
    SocketForTests client(endpoint());
    ASSERT_TRUE(seen_.Wait(seen_.opened, 1));
  }
  EXPECT_TRUE(seen_.Wait(seen_.closed, 1));
}

TEST_F(FrameServerTest, StopSendsWhatIsQueued) {
  const std::string answer(8 << 20, 'q');
  std::promise<void> queued;
  Start({}, [&](const auto& connection, auto) {
    connection->Send({arrow::Buffer::FromString(answer)});
    queued.set_value();
  });
  SocketForTests client(endpoint());
  SocketForTests idle(endpoint());
  ASSERT_TRUE(client.SendFrame("give"));
  queued.get_future().wait();
  std::jthread stopper([&] { server_->Stop(kLongNs); });
  EXPECT_EQ(client.ReadFrame(), answer);
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(idle.ReadToEnd(), "");
  stopper.join();
  EXPECT_EQ(seen_.closed, 2);
  EXPECT_FALSE(SocketForTests(endpoint()).connected());
}

TEST_F(FrameServerTest, StopEndsWithItsGrace) {
  Start({}, [](const auto& connection, auto) {
    connection->Send({arrow::Buffer::FromString(std::string(64 << 20, 'x'))});
  });
  SocketForTests client(endpoint());
  ASSERT_TRUE(client.SendFrame("give"));
  ASSERT_TRUE(seen_.Wait(seen_.frames, 1));
  server_->Stop(20 * kMs);  // returns although the client takes nothing
  EXPECT_EQ(seen_.closed, 1);
}

TEST_F(FrameServerTest, AConnectionMayOutliveItsServer) {
  std::shared_ptr<FrameConnection> kept;
  Start({}, [&](const auto& connection, auto) { kept = connection; });
  {
    SocketForTests client(endpoint());
    ASSERT_TRUE(client.SendFrame("keep"));
    ASSERT_TRUE(seen_.Wait(seen_.frames, 1));
  }
  server_.reset();
  kept->Send({arrow::Buffer::FromString("nobody hears this")});
  kept->CloseWhenSent();
}

TEST_F(FrameServerTest, RefusesMoreConnectionsThanItMayHave) {
  Start({.connections_max = 2});
  SocketForTests first(endpoint());
  SocketForTests second(endpoint());
  ASSERT_TRUE(seen_.Wait(seen_.opened, 2));
  SocketForTests third(endpoint());
  EXPECT_EQ(third.ReadToEnd(), "");
  EXPECT_EQ(loops_.GetTraffic().at(0).connections_refused, 1);
  first.Close();
  ASSERT_TRUE(seen_.Wait(seen_.closed, 1));
  SocketForTests fourth(endpoint());
  ASSERT_TRUE(fourth.SendFrame("in"));
  EXPECT_EQ(fourth.ReadFrame(), "in");
}

TEST_F(FrameServerTest, AcceptsAgainWhenThereAreDescriptorsAgain) {
  Start();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int next = dup(STDIN_FILENO);
  close(next);
  rlimit one_more = before;
  one_more.rlim_cur = static_cast<rlim_t>(next) + 1;
  setrlimit(RLIMIT_NOFILE, &one_more);
  SocketForTests client(
      endpoint());  // takes the last one, so that the server has none to accept with
  ASSERT_TRUE(client.SendFrame("patience"));
  pollfd answer{.fd = client.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&answer, 1, 20), 0);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(client.ReadFrame(), "patience");
}

TEST_F(FrameServerTest, AFactoryMayRefuse) {
  auto server = FrameServer::Start(&loops_, {.listen = {"127.0.0.1:0"}},
                                   [](const auto&) { return std::shared_ptr<FrameHandler>(); });
  ASSERT_TRUE(server.ok());
  SocketForTests client((*server)->endpoints().front());
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(FrameServerTest, LocalhostIsOnePortOfBothFamilies) {
  Start({.listen = {"localhost:0"}});
  const auto endpoints = server_->endpoints();
  ASSERT_FALSE(endpoints.empty());
  EXPECT_TRUE(endpoints[0].starts_with("127.0.0.1:"));
  if (endpoints.size() == 2) {
    EXPECT_EQ(endpoints[1], "[::1]" + endpoints[0].substr(endpoints[0].find(':')));
  }
  for (const auto& each : endpoints) {
    SocketForTests client(each);
    ASSERT_TRUE(client.SendFrame(each));
    EXPECT_EQ(client.ReadFrame(), each);
  }
}

TEST_F(FrameServerTest, SaysWhyItCannotListen) {
  Start();
  const auto start = [this](const std::string& listen) {
    return FrameServer::Start(&loops_, {.listen = {listen}}, nullptr).status();
  };
  EXPECT_EQ(CodeOf(start(endpoint())), Code::kUnavailable);
  EXPECT_NE(MessageOf(start(endpoint())).find(endpoint()), std::string::npos);
  EXPECT_EQ(CodeOf(start("192.0.2.1:0")), Code::kInvalidArgument);  // an address for documentation
  EXPECT_EQ(CodeOf(start("no-such-host.invalid:0")), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf(start("12345")), Code::kInvalidArgument);
}

uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(FrameServerTest, AThousandIdleConnectionsCostLittle) {
  constexpr int kConnections = 1000;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2 * kConnections + 100) GTEST_SKIP() << "too few file descriptors";
  Start();
  std::vector<SocketForTests> clients;
  clients.reserve(kConnections);
  clients.emplace_back(endpoint());
  ASSERT_TRUE(seen_.Wait(seen_.opened, 1));
  const uint64_t before = ResidentBytes();
  while (clients.size() < kConnections) clients.emplace_back(endpoint());
  ASSERT_TRUE(seen_.Wait(seen_.opened, kConnections));
  const uint64_t each = (ResidentBytes() - before) / kConnections;
  RecordProperty("bytes_a_connection", static_cast<int>(each));
  if (!kSanitizer) {  // which has memory of its own
    EXPECT_LT(each, 6 << 10);
  }
  for (auto& client : clients) ASSERT_TRUE(client.SendFrame("awake"));
  for (auto& client : clients) ASSERT_EQ(client.ReadFrame(), "awake");
}

}  // namespace
}  // namespace firth::net
