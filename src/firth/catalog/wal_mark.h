// How far the write-ahead log is known to be durable.
//
// SQLite takes the first frame that is not whole for the end of the log: that is right for what a
// power cut left, and wrong for damage, which would silently undo what was acknowledged. So beside
// the log lies a small file that says how many of its frames are durable. It is written after each
// sync, not synced itself, and so at any time says something true, if perhaps not the newest.
// Before frames that it vouches for are given up (the log begins anew, or is removed), it is
// durably cleared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "firth/catalog/wal_format.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::catalog {

class WalMark {
 public:
  /// What was at the path.
  enum class Found { kMark, kNothing, kNoMark };

  /// Open or make the mark at `path`. One that cannot be read (a power cut can tear it) says
  /// nothing.
  static Result<std::unique_ptr<WalMark>> Open(store::FileSystem* files, const std::string& path);

  Found found() const { return found_; }
  /// Of the log with this salt, so many frames are durable; 0: nothing is said.
  uint64_t frames() const { return frames_; }
  const WalSalt& salt() const { return salt_; }
  /// Was there ever a durable frame, and so a database?
  bool has_been_set() const { return salt_ != WalSalt{}; }

  /// Say that so many frames are durable.
  Status Set(const WalSalt& salt, uint64_t frames);
  /// Say nothing, durably.
  Status Clear();

 private:
  explicit WalMark(std::unique_ptr<store::File> file) : file_(std::move(file)) {}
  Status Write();

  const std::unique_ptr<store::File> file_;
  Found found_ = Found::kNothing;
  WalSalt salt_{};
  uint64_t frames_ = 0;
};

}  // namespace firth::catalog
