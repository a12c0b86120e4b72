#include "firth/format/child_frame.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace firth::format {
namespace {

Status Gone(const char* what) {
  return Error(Code::kUnavailable, Reason::kIo, std::string("the other end is gone: ") + what);
}

Status SendAll(int socket, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return Gone(std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(sent));
  }
  return Status::OK();
}

}  // namespace

Status SendFrame(int socket, const ChildFrame& frame, std::span<const std::byte> bytes) {
  ARROW_RETURN_NOT_OK(SendAll(socket, std::as_bytes(std::span(&frame, 1))));
  return SendAll(socket, bytes);
}

Status ReceiveExactly(int socket, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::recv(socket, out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Gone(std::strerror(errno));
    if (got == 0) return Gone("end of stream");
    out = out.subspan(static_cast<size_t>(got));
  }
  return Status::OK();
}

Result<ChildFrame> ReceiveFrame(int socket) {
  ChildFrame frame;
  ARROW_RETURN_NOT_OK(ReceiveExactly(socket, std::as_writable_bytes(std::span(&frame, 1))));
  if (frame.size > kMostFrameBytes) {
    return Error(Code::kInvalidArgument, Reason::kNone, "a piece that is too large");
  }
  return frame;
}

}  // namespace firth::format
