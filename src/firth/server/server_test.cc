// Goal: a server starts, tells where it is, and stops, leaving what it should. Method: real rooms
// in a folder of the test's own, all doors on ports of the kernel's choice, the console asked by
// hand.
#include "firth/server/server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "firth/net/certificate_for_tests.h"
#include "firth/net/socket_for_tests.h"
#include "firth/store/file_system.h"

namespace firth::server {
namespace {

namespace fs = std::filesystem;

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

uint32_t ModeOf(const fs::path& path) {
  struct stat found{};
  EXPECT_EQ(stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777;
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    net::WriteCertificateForTests(folder_ / "crt.pem", folder_ / "key.pem");
  }
  void TearDown() override {
    server_.reset();
    fs::remove_all(folder_);
  }

  Config AllDoors() const {
    Config config;
    config.data = (folder_ / "deep" / "data").string();
    for (const auto& [door, port] : KnownDoors()) config.doors[door] = {"127.0.0.1:0"};
    config.tls_certificate_file = folder_ / "crt.pem";
    config.tls_key_file = folder_ / "key.pem";
    return config;
  }
  void Start(const Config& config) {
    auto server = Server::Start(config);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }
  std::string Get(const std::string& path) const {
    net::SocketForTests client(server_->endpoints().at("console"));
    client.Send("GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    return client.ReadToEnd();
  }

  const fs::path folder_ = fs::path(testing::TempDir()) / "server_test";
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, OpensEveryDoorAndSaysWhere) {
  const Config config = AllDoors();
  Start(config);
  const std::string written = ReadText(fs::path(config.data) / "endpoints.json");
  for (const auto& [door, port] : KnownDoors()) {
    const std::string endpoint = server_->endpoints().at(door);
    EXPECT_TRUE(net::SocketForTests(endpoint).connected()) << door;
    EXPECT_NE(written.find("\"" + door + "\": \"" + endpoint + "\""), std::string::npos) << written;
  }
  EXPECT_EQ(ModeOf(config.data), 0700);
}

TEST_F(ServerTest, TheConsoleTellsHowItIs) {
  Start(AllDoors());
  EXPECT_TRUE(Get("/healthz").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(Get("/readyz").starts_with("HTTP/1.1 200 "));
  // The server may count the connection of the answer before for a moment longer than we do.
  const std::string_view one = "\nfirth_door_connections{door=\"console\"} 1\n";
  std::string metrics;
  for (int tries = 0; tries < 1000 && metrics.find(one) == std::string::npos; ++tries) {
    metrics = Get("/metrics");
  }
  EXPECT_NE(metrics.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(metrics.find("\nfirth_ready 1\n"), std::string::npos);
  EXPECT_NE(metrics.find(one), std::string::npos);
  EXPECT_TRUE(Get("/nothing").starts_with("HTTP/1.1 404 "));
}

TEST_F(ServerTest, StopsOnceAndLeavesNoEndpoints) {
  const Config config = AllDoors();
  Start(config);
  const auto endpoints = server_->endpoints();
  std::thread waiter([&] { EXPECT_TRUE(server_->Wait().ok()); });
  std::thread other([&] { server_->Stop(); });
  server_->Stop();
  other.join();
  waiter.join();
  EXPECT_FALSE(fs::exists(fs::path(config.data) / "endpoints.json"));
  for (const auto& [door, endpoint] : endpoints) {
    EXPECT_FALSE(net::SocketForTests(endpoint).connected()) << door;
  }
}

TEST_F(ServerTest, StartsAgainInItsFolder) {
  const Config config = AllDoors();
  Start(config);
  server_->Stop();
  server_.reset();
  // As if the process had been killed: what it left behind is not believed.
  std::ofstream(fs::path(config.data) / "endpoints.json") << "{\"console\": \"127.0.0.1:1\"}";
  Start(config);
  EXPECT_TRUE(Get("/readyz").starts_with("HTTP/1.1 200 "));
}

TEST_F(ServerTest, ASecondServerIsRefused) {
  const Config config = AllDoors();
  Start(config);
  const auto second = Server::Start(config);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(ReasonOf(second.status()), Reason::kFolderInUse);
  EXPECT_TRUE(fs::exists(fs::path(config.data) / "endpoints.json"));
}

TEST_F(ServerTest, TheFirstStartMakesAnAdministrator) {
  const Config config = AllDoors();
  const fs::path file = fs::path(config.data) / "admin.secret";
  Start(config);
  EXPECT_EQ(ModeOf(file), 0600);
  const std::string secret = ReadText(file);
  EXPECT_GT(secret.size(), 32);
  server_.reset();
  Start(config);
  EXPECT_EQ(ReadText(file), secret);
}

TEST_F(ServerTest, NoAdministratorIsMadeBesideAConfiguredOne) {
  Config config = AllDoors();
  config.users = {{.name = "ada", .secret = "lovelace1", .role = "admin"}};
  Start(config);
  EXPECT_FALSE(fs::exists(fs::path(config.data) / "admin.secret"));
  server_.reset();
  config.users.clear();  // it is stored now
  Start(config);
  EXPECT_FALSE(fs::exists(fs::path(config.data) / "admin.secret"));
}

TEST_F(ServerTest, DevMakesNone) {
  Config config = AllDoors();
  config.dev = true;
  config.anonymous = "admin";
  Start(config);
  EXPECT_FALSE(fs::exists(fs::path(config.data) / "admin.secret"));
}

TEST_F(ServerTest, UsersThatCannotBeMadeAreNamed) {
  Config config = AllDoors();
  config.users = {{.name = "ada", .secret = "lovelace1", .role = "admin"}};
  Start(config);
  server_.reset();
  config.users = {{.name = "eve", .secret = "lovelace1", .role = "none"}};
  const auto refused = Server::Start(config);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(MessageOf(refused.status()).find("'eve'"), std::string::npos);
}

TEST_F(ServerTest, ADoorThatCannotOpenIsNamedAndNothingIsLeft) {
  Config config = AllDoors();
  Start(config);
  Config second = AllDoors();
  second.data = (folder_ / "second").string();
  second.doors["console"] = {server_->endpoints().at("console")};
  const auto refused = Server::Start(second);
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(MessageOf(refused.status()).starts_with("door console: ")) << refused.status();
  EXPECT_FALSE(fs::exists(fs::path(second.data) / "endpoints.json"));
  second.doors["console"] = {"127.0.0.1:0"};
  EXPECT_TRUE(Server::Start(second).ok());  // the folder was let go
}

TEST_F(ServerTest, AFileIsNoDataFolder) {
  Config config = AllDoors();
  fs::create_directories(folder_);
  config.data = (folder_ / "file").string();
  std::ofstream(config.data) << "x";
  const auto refused = Server::Start(config);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(MessageOf(refused.status()).find(config.data), std::string::npos);
}

}  // namespace
}  // namespace firth::server
