// What one key of the view holds: a row, or that it is gone. Made once and shared from then on: by
// those that wait for its commit, by the view's memory, by lookups that send it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/keyview/key_state_memory.h"

namespace firth::keyview {

class KeyStatePtr;

/// Bytes in one piece of memory: the key as the view stores it (its log's id and the canonical
/// key), and the row as the view stores it (docs/formats/keyview.md). Immutable but for SetCommit.
class KeyState {
 public:
  /// A row whose value (schema id and compact row) is `front` and then `rest`. Its commit is not
  /// known yet.
  static KeyStatePtr Make(LogId log, std::string_view key, std::string_view front,
                          std::string_view rest);
  static KeyStatePtr MakeGone(LogId log, std::string_view key);
  /// Of stored bytes. Takes damaged ones; error kChecksumMismatch.
  static Result<KeyStatePtr> MakeStored(LogId log, std::string_view key, std::string_view stored);

  KeyState(const KeyState&) = delete;
  KeyState& operator=(const KeyState&) = delete;

  /// Say which commit the row is of. Before readers see it, and by one thread.
  void SetCommit(CommitId commit, int64_t record_time_ns);

  bool gone() const { return gone_; }
  /// The canonical key.
  std::string_view key() const;
  /// Of a row: the schema id (16 bit, little-endian) and the compact row.
  std::string_view value() const;
  SchemaId schema_id() const { return SchemaId(LoadLe<int16_t>(value().data())); }
  std::string_view row() const { return value().substr(sizeof(int16_t)); }
  CommitId commit() const;
  int64_t record_time_ns() const;

  LogId log() const;
  /// Of the canonical key (HashKey).
  uint64_t hash() const { return hash_; }
  std::string_view stored_key() const { return {bytes(), key_bytes_}; }
  std::string_view stored_row() const { return {bytes() + key_bytes_, row_bytes_}; }
  /// The memory that it takes, about.
  uint64_t memory_bytes() const { return StateMemoryBytes(bytes_in_all()) + kTableBytes; }

 private:
  friend class KeyStatePtr;
  friend class RowsInFront;
  /// What a place of a table of states takes, with the empty ones.
  static constexpr size_t kTableBytes = 32;

  KeyState(uint64_t hash, uint32_t key_bytes, uint32_t row_bytes, bool gone)
      : hash_(hash), key_bytes_(key_bytes), row_bytes_(row_bytes), gone_(gone) {}
  static KeyStatePtr Allocate(LogId log, std::string_view key, uint32_t row_bytes, bool gone);
  size_t bytes_in_all() const { return sizeof(KeyState) + key_bytes_ + row_bytes_; }
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  char* row_place() { return bytes() + key_bytes_; }

  const uint64_t hash_;
  std::atomic<uint32_t> owners_{1};
  const uint32_t key_bytes_;
  const uint32_t row_bytes_;
  // For RowsInFront:
  uint32_t place_ = 0;  // among the changes that are not written
  uint32_t round_ = 0;  // of writing
  const bool gone_;
  bool unwritten_ = false;  // guarded by the mutex of its log's rows
};

/// Shares a KeyState; may be null. Different owners may be used from different threads.
class KeyStatePtr {
 public:
  KeyStatePtr() = default;
  KeyStatePtr(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)
  KeyStatePtr(const KeyStatePtr& other) : state_(other.state_) {
    if (state_ != nullptr) state_->owners_.fetch_add(1, std::memory_order_relaxed);
  }
  KeyStatePtr(KeyStatePtr&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  KeyStatePtr& operator=(KeyStatePtr other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~KeyStatePtr();

  /// Have the processor bring it: it will be looked at soon.
  void Prefetch() const {
    if (state_ == nullptr) return;
    __builtin_prefetch(state_);
    __builtin_prefetch(reinterpret_cast<const char*>(state_) + 64);
  }
  KeyState* get() const { return state_; }
  KeyState* operator->() const { return state_; }
  KeyState& operator*() const { return *state_; }
  explicit operator bool() const { return state_ != nullptr; }
  bool operator==(const KeyStatePtr& other) const { return state_ == other.state_; }

 private:
  friend class KeyState;
  explicit KeyStatePtr(KeyState* taken) : state_(taken) {}

  KeyState* state_ = nullptr;
};

uint64_t HashKey(std::string_view key);

}  // namespace firth::keyview
