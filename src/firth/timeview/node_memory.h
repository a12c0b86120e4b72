// Memory of nodes that are read and dropped again by the thousand, each some kilobytes.
#pragma once

#include <cstddef>

namespace firth::timeview {

/// Hands out pieces of memory. They are cut from large ones, which the kernel is asked for seldom
/// and maps as a whole where it can: an allocator for all purposes would ask it for a few pages at
/// each node, under a lock that all threads share, and touch each of them for the first time.
/// Thread-safe.
class NodeMemory {
 public:
  /// Of a piece at most; what is larger is to be had elsewhere.
  static constexpr size_t kPieceBytesMax = size_t{32} << 10;

  NodeMemory();
  /// Pieces may be in use longer.
  ~NodeMemory();
  NodeMemory(const NodeMemory&) = delete;
  NodeMemory& operator=(const NodeMemory&) = delete;

  /// A piece of at least `bytes`, at an address that suits any node. What it holds is anything.
  void* Take(size_t bytes);
  /// Give back what any of them handed out.
  static void GiveBack(void* piece);

  /// What the kernel was asked for and is not given back.
  size_t BytesMapped() const;

 private:
  struct Core;
  Core* const core_;  // until it is let go of here, and by all pieces
};

}  // namespace firth::timeview
