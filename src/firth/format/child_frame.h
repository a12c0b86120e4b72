// What a parent and the child that reads a file for it say to each other over a socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "firth/common/status.h"

namespace firth::format {

/// In front of each piece. Both ends are this program on this machine, so it travels as it is.
struct ChildFrame {
  enum Kind : uint64_t {
    kWanted = 1,  // child: `size` bytes of the file at `place`, please; no bytes follow
    kBytes = 2,   // parent: those bytes, fewer at the file's end. child: `size` bytes of rows
    kFailed = 3,  // `size` bytes of message follow
    kEnd = 4,     // child: no more rows
  };
  uint64_t kind = 0;
  uint64_t place = 0;
  uint64_t size = 0;
};

/// No piece is larger.
inline constexpr uint64_t kMostFrameBytes = 1 << 20;

/// Send a frame and the `frame.size` bytes at `bytes` behind it. Error kIo when the other end is
/// gone.
Status SendFrame(int socket, const ChildFrame& frame, std::span<const std::byte> bytes);
/// Wait for all of `out`. Error kIo when the other end is gone.
Status ReceiveExactly(int socket, std::span<std::byte> out);
/// Wait for a frame; one of more than kMostFrameBytes is an error.
Result<ChildFrame> ReceiveFrame(int socket);

}  // namespace firth::format
