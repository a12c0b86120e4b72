// A hash table of key states, by key: open addressing with linear probing, no tombstones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/keyview/huge_pages.h"
#include "firth/keyview/key_state.h"

namespace firth::keyview {

/// Not thread-safe.
class KeyStateTable {
 public:
  /// What is known of a state beside the state, so that a look at it does not take the state's
  /// memory. For who holds the table.
  enum Mark : uint64_t {
    kUsed = uint64_t{1} << 63,
    kUnwritten = uint64_t{1} << 62,
  };

  /// Have the processor bring the place where this hash is looked for.
  void Prefetch(uint64_t hash) const {
    if (size_ > 0) __builtin_prefetch(&slots_[hash & mask()]);
  }
  /// The same of the state that lies there, if the place is here already.
  void PrefetchState(uint64_t hash) const {
    if (size_ > 0) slots_[hash & mask()].state.Prefetch();
  }

  /// The state of a key, or null. It is given `marks`.
  const KeyStatePtr* Find(uint64_t hash, std::string_view key, uint64_t marks) {
    const size_t at = PlaceOf(hash, key);
    if (at == kNone) return nullptr;
    slots_[at].hash |= marks;
    return &slots_[at].state;
  }
  const KeyStatePtr* Find(uint64_t hash, std::string_view key) const {
    const size_t at = PlaceOf(hash, key);
    return at == kNone ? nullptr : &slots_[at].state;
  }

  /// Hold `state` as that of its key, with these marks alone; returns what was held before.
  KeyStatePtr Put(KeyStatePtr state, uint64_t marks = 0) {
    if ((size_ + 1) * 3 > slots_.size() * 2) Grow();
    const uint64_t hash = state->hash() & kHash;
    size_t at = hash & mask();
    for (; slots_[at].state; at = (at + 1) & mask()) {
      Slot& slot = slots_[at];
      if ((slot.hash & kHash) != hash || slot.state->key() != state->key()) continue;
      slot.hash = hash | marks;
      return std::exchange(slot.state, std::move(state));
    }
    slots_[at] = {.hash = hash | marks, .state = std::move(state)};
    ++size_;
    return nullptr;
  }

  /// Take a mark from this very state, if it is held.
  void Unmark(const KeyState* state, uint64_t mark) {
    const size_t at = PlaceOf(state);
    if (at != kNone) slots_[at].hash &= ~mark;
  }
  /// Forget this very state, if it is held.
  bool Erase(const KeyState* state) {
    const size_t at = PlaceOf(state);
    if (at == kNone) return false;
    EraseAt(at);
    return true;
  }

  size_t size() const { return size_; }
  /// Places, empty ones too: those of At.
  size_t places() const { return slots_.size(); }
  const KeyStatePtr& At(size_t place) const { return slots_[place].state; }
  bool HasMark(size_t place, uint64_t mark) const { return (slots_[place].hash & mark) != 0; }
  void UnmarkAt(size_t place, uint64_t mark) { slots_[place].hash &= ~mark; }

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
  /// The hash beside the pointer: most places are passed without a look at what they hold. Its
  /// highest bits are the marks.
  struct Slot {
    uint64_t hash = 0;
    KeyStatePtr state;
  };

  static constexpr size_t kFirstPlaces = 16;
  static constexpr size_t kNone = SIZE_MAX;
  static constexpr uint64_t kHash = ~uint64_t{kUsed | kUnwritten};

  size_t mask() const { return slots_.size() - 1; }

  size_t PlaceOf(uint64_t hash, std::string_view key) const {
    if (size_ == 0) return kNone;
    hash &= kHash;
    for (size_t at = hash & mask(); slots_[at].state; at = (at + 1) & mask()) {
      if ((slots_[at].hash & kHash) == hash && slots_[at].state->key() == key) return at;
    }
    return kNone;
  }
  size_t PlaceOf(const KeyState* state) const {
    if (size_ == 0) return kNone;
    for (size_t at = state->hash() & mask(); slots_[at].state; at = (at + 1) & mask()) {
      if (slots_[at].state.get() == state) return at;
    }
    return kNone;
  }

  void Grow() {
    Slots old(slots_.empty() ? kFirstPlaces : slots_.size() * 2);
    old.swap(slots_);
    for (Slot& slot : old) {
      if (!slot.state) continue;
      size_t at = slot.hash & mask();
      while (slots_[at].state) at = (at + 1) & mask();
      slots_[at] = std::move(slot);
    }
  }

  using Slots = std::vector<Slot, HugePages<Slot>>;

  Slots slots_;
  size_t size_ = 0;
};

}  // namespace firth::keyview
