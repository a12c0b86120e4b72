// Goal: one port serves clients that speak TLS and those that do not. Method: a certificate made
// for the test, and OpenSSL's client on a blocking socket.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <fstream>
#include <memory>

#include "firth/common/clock.h"
#include "firth/net/certificate_for_tests.h"
#include "firth/net/http_server.h"
#include "firth/net/socket_for_tests.h"

namespace firth::net {
namespace {

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteCertificateForTests(certificate_, key_);
    HttpServerOptions options;
    options.listen = {"127.0.0.1:0"};
    options.tls_certificate_file = certificate_;
    options.tls_key_file = key_;
    auto server = HttpServer::Start(&loops_, &pool_, options, [](const HttpRequest& request) {
      HttpResponse response;
      response.body = std::string(3 << 20, 'r') + request.path;
      return response;
    });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }

  const std::string certificate_ = testing::TempDir() + "tls_test.crt";
  const std::string key_ = testing::TempDir() + "tls_test.key";
  SystemClock clock_;
  EventLoops loops_{1};
  ThreadPool pool_{"test", 1, &clock_};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(TlsTest, SpeaksTls) {
  SocketForTests client(server_->endpoints().front());
  const std::unique_ptr<SSL_CTX, FreeForTests<SSL_CTX_free>> context(
      SSL_CTX_new(TLS_client_method()));
  const std::unique_ptr<SSL, FreeForTests<SSL_free>> tls(SSL_new(context.get()));
  SSL_set_fd(tls.get(), client.fd());
  ASSERT_EQ(SSL_connect(tls.get()), 1);
  const std::string asked = "GET /secure HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  ASSERT_EQ(SSL_write(tls.get(), asked.data(), static_cast<int>(asked.size())),
            static_cast<int>(asked.size()));
  std::string answer;
  char piece[16384];
  int count = 0;
  while ((count = SSL_read(tls.get(), piece, sizeof piece)) > 0) {
    answer.append(piece, static_cast<size_t>(count));
  }
  EXPECT_EQ(SSL_get_error(tls.get(), count), SSL_ERROR_ZERO_RETURN);  // told, not cut
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(answer.ends_with("rr/secure"));
  EXPECT_GT(answer.size(), size_t{3} << 20);
}

TEST_F(TlsTest, SpeaksPlaintextOnTheSamePort) {
  SocketForTests client(server_->endpoints().front());
  ASSERT_TRUE(client.Send("GET /plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_TRUE(client.ReadToEnd().ends_with("rr/plain"));
}

TEST_F(TlsTest, EndsWithWhatBeginsLikeTlsAndIsNot) {
  SocketForTests client(server_->endpoints().front());
  ASSERT_TRUE(client.Send("\x16 is no greeting, and what follows is none either"));
  client.ReadToEnd();  // an alert, or nothing
}

TEST_F(TlsTest, NamesTheFileThatCannotBeUsed) {
  const auto start = [this](const std::string& certificate, const std::string& key) {
    HttpServerOptions options;
    options.listen = {"127.0.0.1:0"};
    options.tls_certificate_file = certificate;
    options.tls_key_file = key;
    return MessageOf(HttpServer::Start(&loops_, &pool_, options, nullptr).status());
  };
  EXPECT_NE(start("absent.crt", key_).find("absent.crt"), std::string::npos);
  EXPECT_NE(start(certificate_, "absent.key").find("absent.key"), std::string::npos);
}

}  // namespace
}  // namespace firth::net
