#include "firth/store/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "firth/common/text.h"
#include "firth/store/file_error.h"
#include "firth/store/file_path.h"

namespace firth::store {
namespace {

/// " with pid N" as the holder wrote it, or nothing: it may not have come to that yet.
std::string HolderOf(int lock) {
  char text[24];
  size_t read = 0;
  if (ReadAll(lock, 0, std::as_writable_bytes(std::span(text)), &read) != 0) return "";
  std::string_view line(text, read);
  line = line.substr(0, line.find('\n'));
  const auto pid = ParseInt64(line);
  return pid.ok() && *pid > 0 ? " with pid " + std::to_string(*pid) : "";
}

Status InUse(int lock, const std::string& root_name) {
  return Error(Code::kFailedPrecondition, Reason::kFolderInUse,
               "another process" + HolderOf(lock) + " uses the folder '" + root_name +
                   "'; stop it, or choose another folder");
}

int WriteHolder(int lock) {
  const std::string line = std::to_string(getpid()) + "\n";
  if (ftruncate(lock, 0) != 0) return errno;
  return WriteAll(lock, 0, {AsBytes(line)});
}

}  // namespace

Result<Descriptor> LockFolder(int root, const std::string& root_name) {
  const std::string name = root_name + "/" + kLockName;
  Descriptor lock;
  int error = OpenAt(root, kLockName, O_RDWR | O_CREAT, &lock);
  if (error != 0) return FileError(error, "open", name);
  while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return InUse(lock.get(), root_name);
    if (errno != EINTR) return FileError(errno, "lock", name);
  }
  error = WriteHolder(lock.get());
  if (error != 0) return FileError(error, "write", name);
  return lock;
}

}  // namespace firth::store
