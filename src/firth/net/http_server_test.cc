// Goal: HTTP/1.1 as clients speak it, byte for byte where framing matters, and a clear answer to
// what breaks it. Method: a real server, requests written by hand on blocking sockets.
#include "firth/net/http_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "firth/common/clock.h"
#include "firth/net/socket_for_tests.h"

namespace firth::net {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr char kLast[] = "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

HttpResponse TextResponse(std::string body) {
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

/// Says what it was asked: method, path, query and body.
HttpResponse Describe(const HttpRequest& request) {
  return TextResponse(request.method + " " + request.path + " " + request.query + " " +
                      request.body);
}

class HttpServerTest : public testing::Test {
 protected:
  void Start(HttpServerOptions options = {}, HttpHandler handler = Describe) {
    options.listen = {"127.0.0.1:0"};
    auto server = HttpServer::Start(&loops_, &pool_, options, std::move(handler));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }
  SocketForTests Connect() { return SocketForTests(server_->endpoints().front()); }
  /// Send raw bytes on a new connection; everything that comes back until the server closes.
  std::string Ask(std::string_view raw) {
    auto client = Connect();
    EXPECT_TRUE(client.Send(raw));
    return client.ReadToEnd();
  }
  /// Read one response with a Content-Length: its head, then its body.
  static std::pair<std::string, std::string> ReadResponse(SocketForTests* client) {
    std::string head = client->ReadUntil("\r\n\r\n");
    const size_t at = head.find("Content-Length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    return {std::move(head), client->Read(length)};
  }

  SystemClock clock_;
  EventLoops loops_{1};
  ThreadPool pool_{"test", 2, &clock_};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersExactly) {
  Start();
  EXPECT_EQ(Ask("GET /a%20b?x=1&y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 17\r\n"
            "Connection: close\r\n\r\nGET /a%20b x=1&y ");
}

TEST_F(HttpServerTest, GivesTheRequestAsItWasSent) {
  HttpRequest got;
  Start({}, [&](const HttpRequest& request) {
    got = request;
    return TextResponse("");
  });
  Ask("PATCH http://h/p/q?r=%41 HTTP/1.1\r\nhOST: h\r\nX-One: 1\r\nx-one: 2\r\nContent-Length: "
      "3\r\n"
      "Connection: close\r\n\r\nabc");
  EXPECT_EQ(got.method, "PATCH");
  EXPECT_EQ(got.target, "http://h/p/q?r=%41");
  EXPECT_EQ(got.path, "/p/q");
  EXPECT_EQ(got.query, "r=%41");
  EXPECT_EQ(got.body, "abc");
  EXPECT_TRUE(got.peer.starts_with("127.0.0.1:"));
  ASSERT_EQ(got.headers.size(), 5);
  EXPECT_EQ(got.headers[0], (std::pair<std::string, std::string>("hOST", "h")));
  EXPECT_EQ(got.headers[2], (std::pair<std::string, std::string>("x-one", "2")));
}

TEST_F(HttpServerTest, KeepsTheConnectionAlive) {
  Start();
  auto client = Connect();
  for (int i = 0; i < 100; ++i) {
    const std::string path = "/" + std::to_string(i);
    ASSERT_TRUE(client.Send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    const auto [head, body] = ReadResponse(&client);
    ASSERT_NE(head.find("Connection: keep-alive"), std::string::npos);
    ASSERT_EQ(body, "GET " + path + "  ");
  }
  EXPECT_EQ(loops_.GetTraffic().at(0).connections_total, 1);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  Start();
  auto client = Connect();
  std::string raw;
  for (int i = 0; i < 500; ++i) raw += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  std::jthread writer([&] { ASSERT_TRUE(client.Send(raw)); });
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(ReadResponse(&client).second, "GET /" + std::to_string(i) + "  ");
  }
  writer.join();
}

TEST_F(HttpServerTest, ReadsChunkedBodies) {
  Start();
  auto client = Connect();
  ASSERT_TRUE(
      client.Send("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "4\r\nWiki\r\n6;ext=1\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n"));
  EXPECT_EQ(ReadResponse(&client).second, "POST /c  Wikipedia in \r\n\r\nchunks.");
  ASSERT_TRUE(client.Send(kLast));
  EXPECT_EQ(ReadResponse(&client).second, "GET /last  ");
}

TEST_F(HttpServerTest, ReadsLargeBodies) {
  Start({}, [](const HttpRequest& request) { return TextResponse(request.body); });
  auto client = Connect();
  std::string body(20 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 + i / 1021);
  std::jthread writer([&] {
    ASSERT_TRUE(client.Send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n"));
    ASSERT_TRUE(client.Send(body));
  });
  EXPECT_TRUE(ReadResponse(&client).second == body);
  writer.join();
}

/// Adds up what comes, and refuses a piece with an exclamation mark.
class CountingSink : public HttpBodySink {
 public:
  CountingSink(bool is_wanted, std::atomic<int>* alive) : wanted_(is_wanted), alive_(alive) {
    ++*alive_;
  }
  ~CountingSink() override { --*alive_; }
  bool wanted() const override { return wanted_; }
  Status Write(std::string_view piece) override {
    bytes += piece.size();
    largest = std::max(largest, piece.size());
    if (piece.find('!') == std::string_view::npos) return Status::OK();
    return Error(Code::kInvalidArgument, Reason::kNone, "!");
  }
  size_t bytes = 0;
  size_t largest = 0;

 private:
  const bool wanted_;
  std::atomic<int>* const alive_;
};

class HttpSinkTest : public HttpServerTest {
 protected:
  void StartWithSinks() {
    HttpServerOptions options;
    options.body_bytes_max = 1000;
    options.sink_bytes_min = 100;
    options.sink_bytes_max = 50 << 20;
    options.sink_for = [this](const HttpRequest& request) -> std::shared_ptr<HttpBodySink> {
      EXPECT_EQ(request.body, "");
      if (request.path == "/held") return nullptr;
      return std::make_shared<CountingSink>(request.path != "/unwanted", &alive_);
    };
    Start(std::move(options), [](const HttpRequest& request) {
      if (request.sink == nullptr) return TextResponse("held " + request.body);
      const auto& sink = static_cast<const CountingSink&>(*request.sink);
      EXPECT_EQ(request.body, "");
      return TextResponse("taken " + std::to_string(sink.bytes) +
                          (sink.largest > (2 << 20) ? " in too large a piece" : ""));
    });
  }
  static std::string Put(const std::string& path, size_t bytes, const std::string& more = "") {
    return "PUT " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(bytes) +
           "\r\n" + more + "\r\n";
  }
  void ExpectNoSinkLeft() {
    server_->Stop(0);
    for (int i = 0; i < 100 && alive_ > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(alive_, 0);
  }
  std::atomic<int> alive_{0};
};

TEST_F(HttpSinkTest, TakesWhatIsLong) {
  StartWithSinks();
  auto client = Connect();
  ASSERT_TRUE(client.Send(Put("/short", 5) + "short"));
  EXPECT_EQ(ReadResponse(&client).second, "held short");
  for (const size_t bytes : {101U, 600'000U, 20U << 20}) {
    std::jthread writer(
        [&] { ASSERT_TRUE(client.Send(Put("/", bytes) + std::string(bytes, 'x'))); });
    EXPECT_EQ(ReadResponse(&client).second, "taken " + std::to_string(bytes));
  }
  // Its length is not told before.
  ASSERT_TRUE(
      client.Send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "4\r\nWiki\r\n6\r\npedia \r\n0\r\n\r\n"));
  EXPECT_EQ(ReadResponse(&client).second, "taken 10");
  ASSERT_TRUE(client.Send(Put("/", 200, "Expect: 100-continue\r\n")));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.Send(std::string(200, 'x')));
  EXPECT_EQ(ReadResponse(&client).second, "taken 200");
  ASSERT_TRUE(client.Send(kLast));
  EXPECT_EQ(ReadResponse(&client).second, "held ");
  ExpectNoSinkLeft();
}

TEST_F(HttpSinkTest, EndsWithoutTheRest) {
  StartWithSinks();
  // Nobody wants it, and nobody reads it.
  EXPECT_NE(Ask(Put("/unwanted", 40 << 20, "Expect: 100-continue\r\n")).find("200 OK"),
            std::string::npos);
  const std::string bad = "!" + std::string(600'000, 'x');
  const std::string answer = Ask(Put("/", 30 << 20) + bad);
  EXPECT_NE(answer.find("taken "), std::string::npos) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
  // Longer than what is taken, and than what is held.
  EXPECT_NE(Ask(Put("/", 51 << 20)).find("413"), std::string::npos);
  EXPECT_NE(Ask(Put("/held", 1001)).find("413"), std::string::npos);
  EXPECT_NE(Ask("PUT /held HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                std::string(1001, 'x') + "\r\n0\r\n\r\n")
                .find("413"),
            std::string::npos);
  {  // A client that goes away.
    auto client = Connect();
    ASSERT_TRUE(client.Send(Put("/", 1 << 20) + std::string(700'000, 'x')));
  }
  ExpectNoSinkLeft();
}

TEST_F(HttpServerTest, SaysContinueWhenAsked) {
  Start({.body_bytes_max = 100});
  auto client = Connect();
  ASSERT_TRUE(client.Send(
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.Send("ok"));
  EXPECT_EQ(ReadResponse(&client).second, "PUT /  ok");
  ASSERT_TRUE(client.Send(
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n"));
  EXPECT_TRUE(ReadResponse(&client).first.starts_with("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, RefusesBodiesThatAreTooLarge) {
  Start({.body_bytes_max = 1000});
  const std::string body(1001, 'x');
  EXPECT_TRUE(Ask("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n" + body)
                  .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(Ask("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + body +
                  "\r\n0\r\n\r\n")
                  .starts_with("HTTP/1.1 413 "));
  const std::string fits(1000, 'x');
  EXPECT_TRUE(
      Ask("PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n" + fits)
          .ends_with(fits));
}

TEST_F(HttpServerTest, RefusesHeadersThatAreTooLarge) {
  Start({.header_bytes_max = 2000});
  for (const size_t bytes : {size_t{2000}, size_t{200'000}}) {
    EXPECT_TRUE(Ask("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(bytes, 'x') + "\r\n\r\n")
                    .starts_with("HTTP/1.1 431 "));
    EXPECT_TRUE(Ask("GET /" + std::string(bytes, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n")
                    .starts_with("HTTP/1.1 431 "));
  }
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  Start();
  for (const std::string raw : {
           "hello\r\n\r\n",
           "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
           "GET / HTTP/1.1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
           "GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: h\r\nBad Name: 1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
           "0\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
       }) {
    const std::string answer = Ask(raw);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << raw << " got " << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  }
}

TEST_F(HttpServerTest, EndsQuietlyWhenARequestIsCutOff) {
  Start();
  auto client = Connect();
  ASSERT_TRUE(client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"));
  shutdown(client.fd(), SHUT_WR);
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  Start({}, [](const HttpRequest&) {
    HttpResponse response = TextResponse("");
    response.stream = []() -> Result<std::string> { throw std::logic_error("not for HEAD"); };
    response.stream_bytes = 1234;
    return response;
  });
  auto client = Connect();
  ASSERT_TRUE(client.Send("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  const std::string answer = client.ReadToEnd();
  EXPECT_NE(answer.find("Content-Length: 1234\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, NoContentHasNoLength) {
  Start({}, [](const HttpRequest&) {
    HttpResponse response;
    response.status = 204;
    return response;
  });
  EXPECT_EQ(Ask("DELETE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

TEST_F(HttpServerTest, WritesHeadersButNoForeignLines) {
  Start({}, [](const HttpRequest&) {
    HttpResponse response = TextResponse("b");
    response.headers = {
        {"X-Two", "a\r\nSet-Cookie: evil"}, {"Content-Length", "99"}, {"Connection", "close"}};
    return response;
  });
  EXPECT_EQ(Ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Two: a  Set-Cookie: evil\r\n"
            "Content-Length: 1\r\nConnection: close\r\n\r\nb");
}

/// Gives "piece0", "piece1", … and then ends with `last`.
std::function<Result<std::string>()> Pieces(int count, Result<std::string> last) {
  return [count, last, next = 0]() mutable -> Result<std::string> {
    return next < count ? "piece" + std::to_string(next++) : last;
  };
}

HttpHandler Streaming(int count, Result<std::string> last, int64_t bytes) {
  return [=](const HttpRequest&) {
    HttpResponse response = TextResponse("");
    response.stream = Pieces(count, last);
    response.stream_bytes = bytes;
    return response;
  };
}

TEST_F(HttpServerTest, StreamsInChunks) {
  Start({}, Streaming(2, "", -1));
  const std::string answer = Ask(kLast);
  EXPECT_NE(answer.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n6\r\npiece0\r\n6\r\npiece1\r\n0\r\n\r\n")) << answer;
}

TEST_F(HttpServerTest, StreamsAKnownLengthAndGoesOn) {
  Start({}, Streaming(3, "", 18));
  auto client = Connect();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_EQ(ReadResponse(&client).second, "piece0piece1piece2");
  }
}

TEST_F(HttpServerTest, StreamsToOldClientsUntilTheEnd) {
  Start({}, Streaming(2, "", -1));
  const std::string answer = Ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answer.find("chunked"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\npiece0piece1"));
}

TEST_F(HttpServerTest, CutsAStreamThatFails) {
  Start({}, Streaming(1, Error(Code::kDataLoss, Reason::kIo, "a disk went"), -1));
  EXPECT_TRUE(Ask(kLast).ends_with("6\r\npiece0\r\n"));  // and no end mark
}

TEST_F(HttpServerTest, CutsAStreamOfAnotherLength) {
  Start({}, Streaming(2, "", 100));
  EXPECT_TRUE(Ask(kLast).ends_with("piece0piece1"));
}

TEST_F(HttpServerTest, AHandlerThatThrowsIsAnError) {
  Start({}, [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("secret text"); });
  const std::string answer = Ask(kLast);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 "));
  EXPECT_EQ(answer.find("secret"), std::string::npos);
}

TEST_F(HttpServerTest, ClosesIdleAndStalledConnections) {
  Start({.idle_ns = 40 * kMs, .stall_ns = 40 * kMs});
  EXPECT_EQ(Connect().ReadToEnd(), "");
  EXPECT_EQ(Ask("GET / HT"), "");
  EXPECT_EQ(Ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"), "");
  auto client = Connect();
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(ReadResponse(&client).second, "GET /  ");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(HttpServerTest, StopLetsARequestInWorkFinish) {
  std::promise<void> begun;
  std::promise<void> finish;
  Start({}, [&](const HttpRequest&) {
    begun.set_value();
    finish.get_future().wait();
    return TextResponse("done");
  });
  auto busy = Connect();
  auto idle = Connect();
  ASSERT_TRUE(busy.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  begun.get_future().wait();
  std::jthread stopper([&] { server_->Stop(30'000 * kMs); });
  EXPECT_EQ(idle.ReadToEnd(), "");
  finish.set_value();
  const std::string answer = busy.ReadToEnd();
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("done"));
  stopper.join();
}

}  // namespace
}  // namespace firth::net
