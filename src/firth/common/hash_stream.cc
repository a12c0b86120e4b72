#include "firth/common/hash_stream.h"

#include <xxhash.h>

#include <new>

namespace firth {

struct HashStream::State {
  XXH3_state_t* const state = XXH3_createState();
  State() {
    if (state == nullptr) throw std::bad_alloc();
    XXH3_64bits_reset(state);
  }
  ~State() { XXH3_freeState(state); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

HashStream::HashStream() : state_(std::make_unique<State>()) {}
HashStream::~HashStream() = default;

void HashStream::Add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_->state, bytes.data(), bytes.size());
}

uint64_t HashStream::Digest() const {
  return XXH3_64bits_digest(state_->state);
}

}  // namespace firth
