// A TCP server of length-prefixed frames: 4 bytes big-endian length, then that many bytes. It knows
// nothing of what is in them.
#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/net/event_loops.h"

namespace firth::net {

/// One client's connection. Thread-safe.
class FrameConnection {
 public:
  virtual ~FrameConnection() = default;
  /// Queue one frame: `parts` one after another, whose common length is put in front. The buffers
  /// are held until they are sent. What a thread sends while it has a Later open begins to leave
  /// when that ends. After the connection is closed it does nothing.
  virtual void Send(std::vector<std::shared_ptr<arrow::Buffer>> parts) = 0;
  /// The same for a frame of few bytes, which are copied.
  virtual void SendText(std::string_view frame) = 0;
  /// Close once what is queued has been sent.
  virtual void CloseWhenSent() = 0;
  /// The local port that the client reached.
  virtual uint16_t local_port() const = 0;
  /// The client's address, for the log of events.
  virtual const std::string& peer() const = 0;
};

/// What the owner of a connection does with its frames. Made by the server's factory, one a
/// connection; called from one event loop's thread, one call at a time; must not block.
class FrameHandler {
 public:
  virtual ~FrameHandler() = default;
  /// A whole frame, without its length.
  virtual void OnFrame(std::shared_ptr<arrow::Buffer> frame) = 0;
  /// Nothing more has come for now, or others have their turn: what was gathered from the last
  /// frames is to go on. True: one that has come since the last pause is answered soon, within
  /// milliseconds, and that answer can tell the client's TCP what has come. Else it is told at
  /// once: a client that leaves Nagle's algorithm on sends no other small request until then.
  virtual bool OnPause() { return false; }
  /// The connection is gone; nothing is called after this.
  virtual void OnClosed() = 0;
};

struct FrameServerOptions {
  /// `host:port` to listen at; port 0 lets the kernel choose. `localhost` means 127.0.0.1 and ::1.
  std::vector<std::string> listen;
  /// A frame that says to be longer closes the connection.
  uint32_t frame_bytes_max = uint32_t{100} << 20;
  /// While more than this waits to be sent to a client, nothing is read from it.
  uint64_t pending_bytes_max = uint64_t{32} << 20;
  uint32_t connections_max = 10'000;
  /// A frame that has begun must be complete within this time, and a client must take some bytes of
  /// what waits for it within this time; else the connection is closed.
  int64_t stall_ns = int64_t{60} * 1'000'000'000;
};

/// Called for each new connection; returns its handler, or null to refuse it.
using FrameHandlerFactory =
    std::function<std::shared_ptr<FrameHandler>(const std::shared_ptr<FrameConnection>&)>;

struct FrameServerMetrics {
  uint64_t connections = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

/// Listens from Start to Stop.
class FrameServer {
 public:
  static Result<std::unique_ptr<FrameServer>> Start(EventLoops* loops, FrameServerOptions options,
                                                    FrameHandlerFactory factory);
  virtual ~FrameServer() = default;
  /// Where it listens, `host:port`, the first address first.
  virtual std::vector<std::string> endpoints() const = 0;
  virtual FrameServerMetrics GetMetrics() const = 0;
  /// Take no more connections. Blocks.
  virtual void StopListening() = 0;
  /// Take no more connections, and close those that are there when what is queued has been sent or
  /// `grace_ns` is over. Blocks.
  virtual void Stop(int64_t grace_ns) = 0;
};

}  // namespace firth::net
