// A hash table of key states, by key: open addressing with linear probing, no tombstones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/keyview/key_state.h"

namespace firth::keyview {

/// Not thread-safe.
class KeyStateTable {
 public:
  /// The state of a key, or null.
  const KeyStatePtr* Find(uint64_t hash, std::string_view key) const {
    if (size_ == 0) return nullptr;
    for (size_t at = hash & mask(); slots_[at].state; at = (at + 1) & mask()) {
      if (slots_[at].hash == hash && slots_[at].state->key() == key) return &slots_[at].state;
    }
    return nullptr;
  }

  /// Hold `state` as that of its key; returns what was held before.
  KeyStatePtr Put(KeyStatePtr state) {
    if ((size_ + 1) * 3 > slots_.size() * 2) Grow();
    const uint64_t hash = state->hash();
    size_t at = hash & mask();
    for (; slots_[at].state; at = (at + 1) & mask()) {
      if (slots_[at].hash != hash || slots_[at].state->key() != state->key()) continue;
      return std::exchange(slots_[at].state, std::move(state));
    }
    slots_[at] = {.hash = hash, .state = std::move(state)};
    ++size_;
    return nullptr;
  }

  /// Forget this very state, if it is held.
  bool Erase(const KeyState* state) {
    if (size_ == 0) return false;
    size_t at = state->hash() & mask();
    while (slots_[at].state.get() != state) {
      if (!slots_[at].state) return false;
      at = (at + 1) & mask();
    }
    EraseAt(at);
    return true;
  }

  size_t size() const { return size_; }
  /// Places, empty ones too: those of At.
  size_t places() const { return slots_.size(); }
  const KeyStatePtr& At(size_t place) const { return slots_[place].state; }

  void EraseAt(size_t at) {
    --size_;
    // Those behind it move up, unless they would go before where they belong.
    size_t hole = at;
    for (size_t next = (at + 1) & mask(); slots_[next].state; next = (next + 1) & mask()) {
      const size_t home = slots_[next].hash & mask();
      if (((next - home) & mask()) < ((next - hole) & mask())) continue;
      slots_[hole] = std::move(slots_[next]);
      hole = next;
    }
    slots_[hole].state = nullptr;
  }

 private:
  /// The hash beside the pointer: most places are passed without a look at what they hold.
  struct Slot {
    uint64_t hash = 0;
    KeyStatePtr state;
  };

  size_t mask() const { return slots_.size() - 1; }

  void Grow() {
    std::vector<Slot> old(slots_.empty() ? kFirstPlaces : slots_.size() * 2);
    old.swap(slots_);
    for (Slot& slot : old) {
      if (!slot.state) continue;
      size_t at = slot.hash & mask();
      while (slots_[at].state) at = (at + 1) & mask();
      slots_[at] = std::move(slot);
    }
  }

  static constexpr size_t kFirstPlaces = 16;

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace firth::keyview
