// XXH3-64 of bytes that come in pieces; the same number that Hash64 gives for them in one piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace firth {

/// One thread at a time.
class HashStream {
 public:
  HashStream();
  ~HashStream();
  HashStream(const HashStream&) = delete;
  HashStream& operator=(const HashStream&) = delete;

  void Add(std::span<const std::byte> bytes);
  /// Of all that was added so far.
  uint64_t Digest() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace firth
