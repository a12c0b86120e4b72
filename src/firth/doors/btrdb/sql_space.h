// What statements over streams may hold: memory, all of them together, and disk, each for itself.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::doors::btrdb {

/// Memory that statements share. Thread-safe.
class SqlMemory {
 public:
  explicit SqlMemory(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  uint64_t bytes_max() const { return bytes_max_; }
  bool Take(uint64_t bytes) {
    std::lock_guard lock(mutex_);
    if (bytes > bytes_max_ - taken_) return false;
    taken_ += bytes;
    return true;
  }
  void Give(uint64_t bytes) {
    std::lock_guard lock(mutex_);
    FIRTH_CHECK(bytes <= taken_);
    taken_ -= bytes;
  }

 private:
  const uint64_t bytes_max_;
  std::mutex mutex_;
  uint64_t taken_ = 0;  // guarded by mutex_
};

/// Where a statement keeps rows that it cannot send yet.
struct SqlSpace {
  SqlMemory* memory = nullptr;
  store::FileSystem* files = nullptr;  // null: nothing goes to disk
  std::string folder;                  // in `files`; what lies there is nobody's after a start
  uint64_t disk_bytes_max = 0;         // of one statement
  uint64_t disk_bytes = 0;             // written so far
  std::function<bool()> is_cancelled;  // may be empty

  /// Error kCancelled if nobody waits for the answer any more.
  Status Check() const {
    if (!is_cancelled || !is_cancelled()) return Status::OK();
    return Error(Code::kCancelled, Reason::kNone, "the call was cancelled");
  }
};

/// What one part of a statement has taken of the memory; it goes back with it. A little is to be
/// had even where others have all.
class SqlHeld {
 public:
  explicit SqlHeld(SqlMemory* memory) : memory_(memory) {}
  ~SqlHeld() { Give(); }
  SqlHeld(const SqlHeld&) = delete;
  SqlHeld& operator=(const SqlHeld&) = delete;

  /// Take more, in large pieces; at most a quarter of all is one part's.
  bool Take(uint64_t bytes) {
    if (bytes <= free_) {
      free_ -= bytes;
      return true;
    }
    const uint64_t piece = bytes - free_ > kPieceBytes ? bytes - free_ : kPieceBytes;
    if (taken_ + piece > memory_->bytes_max() / 4 || !memory_->Take(piece)) return false;
    taken_ += piece;
    free_ = free_ + piece - bytes;
    return true;
  }
  void Give() {
    memory_->Give(taken_);
    taken_ = 0;
    free_ = kPieceBytes;
  }

 private:
  static constexpr uint64_t kPieceBytes = 16 << 10;

  SqlMemory* const memory_;
  uint64_t taken_ = 0;
  uint64_t free_ = kPieceBytes;  // of those and the first piece, not in use
};

}  // namespace firth::doors::btrdb
