// The Fluss protocol as a load generator needs it: frames over one blocking socket, and messages
// written and read field by field. It shares no code with the server's door, which it measures.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "measured.h"

namespace firth::bench {

enum Api : int16_t {
  kCreateDatabase = 1001,
  kCreateTable = 1005,
  kDropTable = 1006,
  kGetTableInfo = 1007,
  kMetadata = 1012,
  kProduceLog = 1014,
  kFetchLog = 1015,
  kPutKv = 1016,
  kLookup = 1017,
  kListOffsets = 1021,
  kInitWriter = 1026,
};

/// Writes a protobuf message.
class Message {
 public:
  Message& Int(int field, int64_t value) {
    Varint(static_cast<uint64_t>(field) << 3);
    Varint(static_cast<uint64_t>(value));
    return *this;
  }
  Message& Bytes(int field, std::string_view bytes) {
    Begin(field, bytes.size());
    text_ += bytes;
    return *this;
  }
  /// The tag and length of a field whose bytes the caller appends.
  void Begin(int field, size_t bytes) {
    Varint(static_cast<uint64_t>(field) << 3 | 2);
    Varint(bytes);
  }
  std::string& text() { return text_; }

 private:
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_.push_back(static_cast<char>(value | 0x80));
    text_.push_back(static_cast<char>(value));
  }

  std::string text_;
};

/// Reads a protobuf message; a malformed one ends the program.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}
  bool Next();
  int field() const { return field_; }
  int64_t number() const { return static_cast<int64_t>(number_); }
  std::string_view bytes() const { return bytes_; }

 private:
  uint64_t Varint();

  std::string_view text_;
  int field_ = 0;
  uint64_t number_ = 0;
  std::string_view bytes_;
};

struct Address {
  std::string host;
  int port = 0;
};
Address ParseAddress(const std::string& text);

/// An answer: `bytes` are valid until the next call of Receive.
struct Answer {
  int32_t id = 0;
  std::string_view bytes;
};

/// One connection. What goes wrong ends the program.
class Link {
 public:
  explicit Link(const Address& address);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Send a request; its body lies in parts. Returns its id.
  int32_t Send(Api api, std::span<const std::string_view> body);
  int32_t Send(Api api, std::string_view body) { return Send(api, {&body, 1}); }
  /// The next answer, waiting at most until `deadline_ns` (monotonic; none: for ever).
  std::optional<Answer> Receive(std::optional<int64_t> deadline_ns = {});
  /// Send, and wait for the one answer; an error ends the program.
  std::string Call(Api api, std::string_view body);

 private:
  bool Fill(std::optional<int64_t> deadline_ns);

  int socket_ = -1;
  int32_t next_id_ = 1;
  std::string in_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace firth::bench
