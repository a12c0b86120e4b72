// A blocking client for the tests of servers: what it does not get within ten seconds never comes.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/net/address.h"

namespace firth::net {

class SocketForTests {
 public:
  /// Connect to `host:port` of a numeric address.
  explicit SocketForTests(const std::string& endpoint) {
    const Address address = ParseAddress(endpoint).ValueOrDie();
    sockaddr_storage storage{};
    socklen_t size = 0;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(address.port);
      size = sizeof *v4;
    } else if (inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(address.port);
      size = sizeof *v6;
    }
    fd_ = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&storage), size) == 0;
  }
  SocketForTests(SocketForTests&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
  ~SocketForTests() { Close(); }

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

  /// Send all; false if the server did not take it.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  /// Send what is taken without waiting; 0 when nothing is for `wait_ms`.
  size_t SendSome(std::string_view bytes, int wait_ms) {
    pollfd waits{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (poll(&waits, 1, wait_ms) <= 0) return 0;
    const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return count < 0 ? 0 : static_cast<size_t>(count);
  }
  bool SendFrame(std::string_view body) {
    std::string frame;
    AppendBe(&frame, static_cast<uint32_t>(body.size()));
    return Send(frame.append(body));
  }

  /// Exactly `bytes`, or less when the connection ended.
  std::string Read(size_t bytes) {
    std::string got(bytes, '\0');
    size_t filled = 0;
    while (filled < bytes) {
      const ssize_t count = recv(fd_, got.data() + filled, bytes - filled, 0);
      if (count <= 0) break;
      filled += static_cast<size_t>(count);
    }
    got.resize(filled);
    return got;
  }
  std::string ReadFrame() {
    const std::string header = Read(4);
    return header.size() == 4 ? Read(LoadBe<uint32_t>(header.data())) : "";
  }
  /// Everything up to and with `end`.
  std::string ReadUntil(std::string_view end) {
    std::string got;
    while (!got.ends_with(end)) {
      const std::string next = Read(1);
      if (next.empty()) break;
      got += next;
    }
    return got;
  }
  /// Everything until the server closes. Fails the test if it does not.
  std::string ReadToEnd() {
    std::string got;
    char piece[4096];
    while (true) {
      const ssize_t count = recv(fd_, piece, sizeof piece, 0);
      if (count == 0 || (count < 0 && errno == ECONNRESET)) return got;
      if (count < 0) {
        ADD_FAILURE() << "the server keeps the connection open: " << std::strerror(errno);
        return got;
      }
      got.append(piece, static_cast<size_t>(count));
    }
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

}  // namespace firth::net
