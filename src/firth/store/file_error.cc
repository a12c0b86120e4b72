#include "firth/store/file_error.h"

#include <cerrno>
#include <system_error>

namespace firth::store {

Status FileError(int error_number, std::string_view action, std::string_view path) {
  const std::string message = "cannot " + std::string(action) + " '" + std::string(path) +
                              "': " + std::generic_category().message(error_number);
  switch (error_number) {
    case ENOENT:
      return Error(Code::kNotFound, Reason::kFileMissing, message);
    case ENOSPC:
    case EDQUOT:
      return Error(Code::kResourceExhausted, Reason::kDiskFull, message);
    case EEXIST:
      return Error(Code::kAlreadyExists, Reason::kIo, message);
    default:
      return Error(Code::kUnavailable, Reason::kIo, message);
  }
}

Status FileStatus(int error_number, std::string_view action, std::string_view path) {
  return error_number == 0 ? Status::OK() : FileError(error_number, action, path);
}

Status SyncError(int error_number, std::string_view path) {
  const Status found = FileError(error_number, "sync", path);
  return ReasonOf(found) == Reason::kDiskFull
             ? Error(Code::kUnavailable, Reason::kIo, MessageOf(found))
             : found;
}

Status ReadPastEnd(std::string_view path, uint64_t position, uint64_t wanted, uint64_t found) {
  return Error(Code::kOutOfRange, Reason::kIo,
               "cannot read " + std::to_string(wanted) + " bytes at " + std::to_string(position) +
                   " of '" + std::string(path) + "': it ends after " + std::to_string(found) +
                   " of them");
}

Status SyncFailedBefore(std::string_view path) {
  return Error(Code::kUnavailable, Reason::kIo,
               "cannot sync '" + std::string(path) +
                   "': an earlier sync failed, and what it lost cannot be known");
}

}  // namespace firth::store
