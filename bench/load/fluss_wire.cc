#include "fluss_wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "firth/common/bytes.h"

namespace firth::bench {
namespace {

constexpr size_t kInBytes = size_t{1} << 20;
constexpr size_t kRequestHead = 12;
constexpr size_t kAnswerHead = 9;

}  // namespace

uint64_t Fields::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (text_.empty()) Fail("an answer ends too early");
    const auto byte = static_cast<uint8_t>(text_.front());
    text_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  Fail("an answer holds an endless number");
}

bool Fields::Next() {
  if (text_.empty()) return false;
  const uint64_t tag = Varint();
  field_ = static_cast<int>(tag >> 3);
  if ((tag & 7) == 0) {
    number_ = Varint();
  } else if ((tag & 7) == 2) {
    const uint64_t size = Varint();
    if (size > text_.size()) Fail("an answer ends too early");
    bytes_ = text_.substr(0, size);
    text_.remove_prefix(size);
  } else {
    Fail("an answer has a field of a kind that the protocol does not use");
  }
  return true;
}

Address ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) Fail("'" + text + "' is no host:port");
  return {text.substr(0, colon), std::atoi(text.c_str() + colon + 1)};
}

Link::Link(const Address& address) : in_(kInBytes, '\0') {
  socket_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(address.port));
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  if (inet_pton(AF_INET, host.c_str(), &to.sin_addr) != 1 ||
      connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    Fail("cannot connect to " + address.host + ":" + std::to_string(address.port));
  }
  const int one = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

Link::~Link() {
  close(socket_);
}

int32_t Link::Send(Api api, std::span<const std::string_view> body) {
  size_t bytes = 0;
  for (const std::string_view part : body) bytes += part.size();
  const int32_t id = next_id_++;
  std::string head(kRequestHead, '\0');
  StoreBe(head.data(), static_cast<int32_t>(bytes + kRequestHead - 4));
  StoreBe(head.data() + 4, static_cast<int16_t>(api));
  StoreBe(head.data() + 6, int16_t{0});
  StoreBe(head.data() + 8, id);
  std::vector<iovec> parts = {{head.data(), head.size()}};
  for (const std::string_view part : body) {
    parts.push_back({const_cast<char*>(part.data()), part.size()});
  }
  size_t first = 0;
  while (first < parts.size()) {
    const ssize_t sent =
        writev(socket_, parts.data() + first, static_cast<int>(parts.size() - first));
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) Fail(std::string("cannot send: ") + std::strerror(errno));
    auto left = static_cast<size_t>(sent);
    while (first < parts.size() && left >= parts[first].iov_len) left -= parts[first++].iov_len;
    if (first < parts.size()) {
      parts[first].iov_base = static_cast<char*>(parts[first].iov_base) + left;
      parts[first].iov_len -= left;
    }
  }
  return id;
}

bool Link::Fill(std::optional<int64_t> deadline_ns) {
  if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == in_.size()) in_.resize(in_.size() * 2);
  if (deadline_ns.has_value()) {
    pollfd waited{.fd = socket_, .events = POLLIN, .revents = 0};
    const int64_t left_ns = std::max<int64_t>(0, *deadline_ns - NowNs());
    const timespec limit{.tv_sec = left_ns / 1'000'000'000, .tv_nsec = left_ns % 1'000'000'000};
    const int ready = ppoll(&waited, 1, &limit, nullptr);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return false;
  }
  const ssize_t got = read(socket_, in_.data() + end_, in_.size() - end_);
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) Fail("the server closed the connection");
  end_ += static_cast<size_t>(got);
  return true;
}

std::optional<Answer> Link::Receive(std::optional<int64_t> deadline_ns) {
  while (true) {
    const size_t held = end_ - begin_;
    if (held >= 4) {
      const auto bytes = static_cast<size_t>(LoadBe<int32_t>(in_.data() + begin_)) + 4;
      if (held >= bytes) {
        const char* const frame = in_.data() + begin_;
        begin_ += bytes;
        Answer answer{.id = LoadBe<int32_t>(frame + 5),
                      .bytes = {frame + kAnswerHead, bytes - kAnswerHead}};
        if (frame[4] != 0) {
          Fields fields(answer.bytes);
          std::string text;
          while (fields.Next()) {
            text += fields.field() == 1 ? "code " + std::to_string(fields.number()) + " "
                                        : std::string(fields.bytes());
          }
          Fail("the server answers: " + text);
        }
        return answer;
      }
    }
    if (!Fill(deadline_ns)) {
      if (deadline_ns.has_value() && NowNs() >= *deadline_ns) return std::nullopt;
    }
  }
}

std::string Link::Call(Api api, std::string_view body) {
  Send(api, body);
  return std::string(Receive()->bytes);
}

}  // namespace firth::bench
