// A client of the door without a socket: a connection whose frames are kept, over a Database in a
// simulated world (table/table_testing.h).
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/doors/fluss/connection.h"
#include "firth/doors/fluss/kv_scans.h"
#include "firth/doors/fluss/lookup_places.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/written_tables.h"
#include "firth/table/table_testing.h"

namespace firth::doors::fluss {

/// What net would be: keeps what is sent.
class FakeWire : public net::FrameConnection {
 public:
  void Send(std::vector<std::shared_ptr<arrow::Buffer>> parts) override {
    std::string frame;
    for (const auto& part : parts) frame += std::string_view(*part);
    sent.push_back(std::move(frame));
  }
  void SendText(std::string_view frame) override { sent.emplace_back(frame); }
  void CloseWhenSent() override { closed = true; }
  uint16_t local_port() const override { return 9123; }
  const std::string& peer() const override { return peer_; }

  std::vector<std::string> sent;
  bool closed = false;

 private:
  std::string peer_ = "test";
};

struct ErrorText {
  int32_t code = 0;
  std::string message;
};

/// One connection.
class TestClient {
 public:
  /// With `beside`, to the same server as that one.
  explicit TestClient(table::TableWorld* world, bool signs_in = false, TestClient* beside = nullptr)
      : world_(world),
        wire_(std::make_shared<FakeWire>()),
        scans_(std::make_shared<KvScans>(&world->clock, &world->random)),
        connection_(std::make_shared<Connection>(
            std::make_shared<Services>(
                Services{.database = world->db.get(),
                         .blocking = &world->executor,
                         .places = std::make_shared<LookupPlaces>(),
                         .written = beside == nullptr ? std::make_shared<WrittenTables>()
                                                      : beside->connection_->services()->written,
                         .scans = scans_}),
            ListenerKind{.signs_in = signs_in, .node = {.host = "127.0.0.1", .port = 9123}},
            wire_)) {}
  ~TestClient() {
    connection_->OnClosed();
    world_->executor.RunUntilIdle();
  }

  /// Send raw bytes as one frame.
  void SendFrame(const std::string& frame) {
    connection_->OnFrame(arrow::Buffer::FromString(frame));
    answered_soon_ = connection_->OnPause();
  }
  /// Send a request; returns its id.
  int32_t Send(int16_t key, const std::string& body, int16_t version = 0) {
    const int32_t id = next_id_++;
    std::string frame;
    AppendBe(&frame, key);
    AppendBe(&frame, version);
    AppendBe(&frame, id);
    SendFrame(frame + body);
    return id;
  }
  /// The answer's message; an error is kept in `error`.
  bool Receive(int32_t id, std::string* body, ErrorText* error) {
    world_->executor.RunUntilIdle();
    for (const std::string& frame : wire_->sent) {
      if (LoadBe<int32_t>(frame.data() + 1) != id) continue;
      *body = frame.substr(5);
      if (frame[0] == 0) return true;
      pb::ErrorAnswer answer;
      EXPECT_TRUE(answer.ParseFromString(*body));
      *error = {.code = answer.code(), .message = answer.message()};
      return false;
    }
    *error = {.code = kNoAnswer, .message = "no answer"};
    return false;
  }
  /// Ask and expect `Answer`.
  template <typename Answer, typename Message>
  Answer Call(int16_t key, const Message& message) {
    std::string body;
    ErrorText error;
    Answer answer;
    EXPECT_TRUE(Receive(Send(key, message.SerializePartialAsString()), &body, &error))
        << key << ": " << error.code << " " << error.message;
    EXPECT_TRUE(answer.ParseFromString(body));
    return answer;
  }
  /// Ask and expect an error; returns its code.
  template <typename Message>
  int32_t CodeOf(int16_t key, const Message& message, int16_t version = 0) {
    return CodeOfBytes(key, message.SerializePartialAsString(), version);
  }
  int32_t CodeOfBytes(int16_t key, const std::string& bytes, int16_t version = 0) {
    std::string body;
    ErrorText error;
    return Receive(Send(key, bytes, version), &body, &error) ? 0 : error.code;
  }

  /// Whether the last frame's answer was said to come soon.
  bool answered_soon() const { return answered_soon_; }

  static constexpr int32_t kNoAnswer = -999;
  FakeWire& wire() { return *wire_; }
  Connection& connection() { return *connection_; }
  KvScans& scans() { return *scans_; }

 private:
  table::TableWorld* const world_;
  const std::shared_ptr<FakeWire> wire_;
  const std::shared_ptr<KvScans> scans_;
  const std::shared_ptr<Connection> connection_;
  int32_t next_id_ = 1;
  bool answered_soon_ = false;
};

}  // namespace firth::doors::fluss
