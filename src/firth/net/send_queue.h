// What waits to be sent on a connection.
#pragma once

#include <arrow/buffer.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/bytes.h"

namespace firth::net {

/// A queue of bytes: small ones gathered into runs, large ones as the buffers that hold them. Not
/// thread-safe.
class SendQueue {
 public:
  /// Append a frame: the common length of `parts`, 4 bytes big-endian, then the parts. Returns the
  /// bytes that it takes.
  size_t PushFrame(std::vector<std::shared_ptr<arrow::Buffer>> parts);
  /// The same for a short frame that is copied.
  size_t PushFrame(std::string_view text);

  /// The first bytes, in as many runs as `out` has room for; how many there are. Valid until the
  /// next call of another method.
  size_t Peek(std::span<Bytes> out) const;
  /// Drop `bytes` from the front.
  void Pop(size_t bytes);

  bool empty() const { return pieces_.empty(); }
  void swap(SendQueue& other) { pieces_.swap(other.pieces_); }

 private:
  /// Either a run of gathered bytes or one buffer.
  struct Piece {
    std::string text;
    std::shared_ptr<arrow::Buffer> buffer;
    size_t sent = 0;

    Bytes rest() const;
  };

  void PushText(std::string_view text);

  std::deque<Piece> pieces_;  // none is empty
};

}  // namespace firth::net
