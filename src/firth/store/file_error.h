// The one table from errors of the operating system to ours. The file system in memory fails with
// the same numbers, so that its errors are those of its twin.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::store {

/// A Status for a failed operation: "cannot <action> '<path>': <what the system says>".
/// ENOENT gives kNotFound / kFileMissing; ENOSPC and EDQUOT kResourceExhausted / kDiskFull; EEXIST
/// kAlreadyExists / kIo; all others kUnavailable / kIo.
Status FileError(int error_number, std::string_view action, std::string_view path);

/// The same for a run of errno-style results: OK for 0.
Status FileStatus(int error_number, std::string_view action, std::string_view path);

/// A sync that failed: kUnavailable / kIo, also for ENOSPC. What a full disk refused by then had
/// been taken before, so it is no refusal after which all goes on.
Status SyncError(int error_number, std::string_view path);

/// A read past the end: kOutOfRange / kIo.
Status ReadPastEnd(std::string_view path, uint64_t position, uint64_t wanted, uint64_t found);

/// Sync of a file whose sync failed before. What the earlier call lost, a later one cannot know of.
Status SyncFailedBefore(std::string_view path);

}  // namespace firth::store
