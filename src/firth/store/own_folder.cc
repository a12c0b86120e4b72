#include "firth/store/own_folder.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "firth/store/file_error.h"

namespace firth::store {

Status MakeOwnFolder(const std::string& folder) {
  const auto failed = [&](int error) { return FileError(error, "make the folder", folder); };
  if (folder.empty()) return failed(ENOENT);
  std::error_code error;
  auto absolute = std::filesystem::absolute(folder, error).lexically_normal();
  if (error) return failed(error.value());
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // `a/` is `a`
  if (std::filesystem::is_directory(absolute, error)) return Status::OK();
  std::filesystem::create_directories(absolute.parent_path(), error);
  if (error) return failed(error.value());
  if (mkdir(absolute.c_str(), 0700) != 0 && errno != EEXIST) return failed(errno);
  if (std::filesystem::is_directory(absolute, error)) return Status::OK();
  return failed(ENOTDIR);
}

}  // namespace firth::store
