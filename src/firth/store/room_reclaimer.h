// Room that removed files leave is given back to the disk a step at a time: gigabytes at once keep
// a disk that is told of freed blocks (mounted with `discard`) from everybody's syncs for tenths of
// a second.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "firth/store/posix_io.h"

namespace firth::store {

struct RoomReclaimerOptions {
  /// A file of at most so many bytes goes at once.
  uint64_t step_bytes = uint64_t{16} << 20;
  /// Between two steps: 1.6 GB a second are given back.
  std::chrono::milliseconds pause{10};
  /// Until it is looked again whether those are gone who had a file open, and how often: after a
  /// minute it is left to the last of them.
  std::chrono::milliseconds look_again{100};
  int looks_max = 600;
  /// A file system with less room than this needs it more than it needs quiet: no pauses.
  uint64_t scarce_bytes = uint64_t{1} << 30;
  /// For tests: done instead of a pause, with what it would have been.
  std::function<void(std::chrono::milliseconds)> instead_of_pause;
};

/// Thread-safe. Its thread begins with the first file, and ends with it; what was not given back by
/// then the system gives back by itself.
class RoomReclaimer {
 public:
  explicit RoomReclaimer(RoomReclaimerOptions options = {});
  ~RoomReclaimer();

  /// Open a file that is about to be removed, if it is one to be taken: a regular file of more than
  /// one step. `path` is below the open folder `folder`, which may be AT_FDCWD.
  Descriptor OpenIfLarge(int folder, const char* path) const;
  /// Take a file that is open for reading and writing, and whose name is removed. It stays whole as
  /// long as anybody, in any process, has it open or mapped, and for ever if it has another name.
  /// Where the system cannot tell whether anybody has it, it goes at once, as any removed file.
  void Take(Descriptor removed);

 private:
  enum class After { kDone, kMore, kHeld };
  struct Removed {
    Descriptor file;
    int looks = 0;  // at who else has it
  };

  void Run(const std::stop_token& stop);
  /// Cut a step off the file's end, if nobody else has it.
  After Step(int fd) const;
  bool IsRoomScarce(int fd) const;
  void Pause(const std::stop_token& stop, std::chrono::milliseconds pause);

  const RoomReclaimerOptions options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Removed> files_;  // guarded by mutex_
  std::jthread thread_;        // guarded by mutex_ until the end
};

}  // namespace firth::store
