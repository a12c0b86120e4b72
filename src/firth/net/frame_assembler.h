// Cuts a stream of bytes into length-prefixed frames.
#pragma once

#include <arrow/buffer.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/net/frame_memory.h"

namespace firth::net {

/// Takes a connection's bytes in order and gives whole frames, each in a buffer of its own. What it
/// holds grows with what has arrived, not with what a length promises; what it reserves for more
/// is in memory that is there for that, and has a bound. One thread at a time.
class FrameAssembler {
 public:
  using Sink = std::function<void(std::shared_ptr<arrow::Buffer>)>;

  /// Large frames lie in `memory` as long as it has room; it may be null.
  FrameAssembler(uint32_t frame_bytes_max, FrameMemory* memory)
      : frame_bytes_max_(frame_bytes_max), memory_(memory) {}

  /// Where the next bytes of a begun frame belong, so that they can be read there directly; empty
  /// when there is no such place yet. Say with Filled how many were put there.
  std::span<std::byte> Direct();
  Status Filled(size_t bytes, const Sink& sink);

  /// Where bytes beyond Direct() had best be read, to be given to Consume; empty where it does not
  /// matter.
  std::span<std::byte> Beyond() { return is_large_ ? memory_->Rest() : std::span<std::byte>(); }

  /// Take bytes that were read elsewhere, copying them unless that was Beyond(); calls `sink` for
  /// each frame that ends in them. Errors: kInvalidArgument for a frame that says to be longer than
  /// allowed, after which the stream is of no use; kResourceExhausted when there is no memory.
  Status Consume(Bytes bytes, const Sink& sink);

  /// Has a frame begun that is not complete?
  bool begun() const { return header_bytes_ > 0; }
  /// Frames given so far.
  uint64_t frames() const { return frames_; }

 private:
  Status TakeHeader(Bytes* bytes);
  Status Begin(Bytes* bytes);
  Status Grow();
  Status GiveIfComplete(const Sink& sink);

  const uint32_t frame_bytes_max_;
  FrameMemory* const memory_;
  bool is_large_ = false;  // the last frame that began has its place in memory_
  std::array<std::byte, 4> header_{};
  size_t header_bytes_ = 0;
  size_t length_ = 0;  // of the frame, once the header is complete
  size_t filled_ = 0;
  std::shared_ptr<arrow::Buffer> body_;              // none until its first byte has come
  std::shared_ptr<arrow::ResizableBuffer> growing_;  // body_, when it is not in memory_
  uint64_t frames_ = 0;
};

}  // namespace firth::net
