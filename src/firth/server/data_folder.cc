#include "firth/server/data_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

namespace firth::server {
namespace {

Status Failed(std::string_view what, const std::string& path, int error) {
  return Error(Code::kInternal, Reason::kIo,
               fmt::format("cannot {} {}: {}", what, path, std::strerror(error)));
}

/// A descriptor that is closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

Status WriteAll(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failed("write", path, errno);
    text.remove_prefix(static_cast<size_t>(count));
  }
  if (fsync(fd) != 0) return Failed("sync", path, errno);
  return Status::OK();
}

Status SyncFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor opened(open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (opened.get() < 0 || fsync(opened.get()) != 0) return Failed("sync", folder, errno);
  return Status::OK();
}

}  // namespace

Status WritePrivateFile(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  if (unlink(temporary.c_str()) != 0 && errno != ENOENT) return Failed("replace", temporary, errno);
  {
    const Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return Failed("make", temporary, errno);
    ARROW_RETURN_NOT_OK(WriteAll(file.get(), temporary, text));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return Failed("rename to", path, errno);
  return SyncFolderOf(path);
}

std::string EndpointsText(const std::map<std::string, std::string>& endpoints) {
  return nlohmann::json(endpoints).dump(2) + "\n";
}

}  // namespace firth::server
