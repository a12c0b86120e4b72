#include "firth/store/room_reclaimer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

namespace firth::store {
namespace {

/// Has nobody but us the file open, in any process? A write lease is given only then; nullopt where
/// there are no leases.
std::optional<bool> IsOursAlone(int fd) {
  // Who opens it while the lease is held (through /proc, since it has no name) waits for its end,
  // and we are sent a signal: one that does nothing, where the usual one would end the process.
  if (fcntl(fd, F_SETSIG, SIGURG) != 0) return std::nullopt;
  if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0) return fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
  if (errno == EAGAIN) return false;
  return std::nullopt;
}

}  // namespace

RoomReclaimer::RoomReclaimer(RoomReclaimerOptions options) : options_(std::move(options)) {}

RoomReclaimer::~RoomReclaimer() {
  std::jthread ending;
  {
    std::lock_guard lock(mutex_);
    ending = std::move(thread_);
  }
}

Descriptor RoomReclaimer::OpenIfLarge(int folder, const char* path) const {
  struct stat info;
  Descriptor opened;
  if (fstatat(folder, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
      static_cast<uint64_t>(info.st_size) > options_.step_bytes) {
    static_cast<void>(OpenAt(folder, path, O_RDWR, &opened));  // else it is just removed
  }
  return opened;
}

void RoomReclaimer::Take(Descriptor removed) {
  std::lock_guard lock(mutex_);
  files_.push_back({.file = std::move(removed)});
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  changed_.notify_one();
}

void RoomReclaimer::Run(const std::stop_token& stop) {
  size_t held = 0;  // files looked at, one after another, that somebody has
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, stop, [this] { return !files_.empty(); });
    if (stop.stop_requested()) return;
    Removed removed = std::move(files_.front());
    files_.pop_front();
    lock.unlock();
    After after = Step(removed.file.get());
    if (after == After::kHeld && ++removed.looks > options_.looks_max) after = After::kDone;
    const bool scarce = after == After::kMore && IsRoomScarce(removed.file.get());
    if (after == After::kDone) removed.file = Descriptor();
    lock.lock();
    held = after == After::kHeld ? held + 1 : 0;
    if (after == After::kHeld) files_.push_back(std::move(removed));
    if (after == After::kMore) files_.push_front(std::move(removed));
    if (held > 0 && held < files_.size()) continue;
    held = 0;
    if (scarce || files_.empty()) continue;
    lock.unlock();
    Pause(stop, after == After::kHeld ? options_.look_again : options_.pause);
    lock.lock();
  }
}

RoomReclaimer::After RoomReclaimer::Step(int fd) const {
  struct stat info;
  if (fstat(fd, &info) != 0 || info.st_nlink > 0) return After::kDone;
  const auto bytes = static_cast<uint64_t>(info.st_size);
  if (bytes <= options_.step_bytes) return After::kDone;  // the rest goes with our descriptor
  const auto alone = IsOursAlone(fd);
  if (!alone.has_value()) return After::kDone;
  if (!*alone) return After::kHeld;
  if (ftruncate(fd, static_cast<off_t>(bytes - options_.step_bytes)) != 0) return After::kDone;
  return After::kMore;
}

bool RoomReclaimer::IsRoomScarce(int fd) const {
  struct statvfs info;
  return fstatvfs(fd, &info) == 0 &&
         static_cast<uint64_t>(info.f_bavail) * info.f_frsize < options_.scarce_bytes;
}

void RoomReclaimer::Pause(const std::stop_token& stop, std::chrono::milliseconds pause) {
  if (options_.instead_of_pause) return options_.instead_of_pause(pause);
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, pause, [] { return false; });
}

}  // namespace firth::store
