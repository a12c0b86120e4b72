// The paths of a FileSystem: which are accepted, and how they come apart. Both file systems use
// this, so that a path which one refuses is refused by the other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::store {

/// The lock of a local file system lies under this name in its root. It can be neither listed nor
/// named.
inline constexpr char kLockName[] = "LOCK";
inline constexpr size_t kSegmentBytesMax = 255;  // NAME_MAX of Linux
inline constexpr size_t kPathBytesMax = 4095;    // PATH_MAX of Linux, without its NUL

/// Check the path of a file: one or more segments joined by `/`, none of them empty, `.` or `..`,
/// none with a NUL, and not the lock. Error kInvalidArgument / kInvalidName.
Status CheckFilePath(std::string_view path);
/// The same for a folder, where the empty path is the root.
Status CheckFolderPath(std::string_view path);

/// The segments of a checked path, views into it; none for the root.
std::vector<std::string_view> SegmentsOf(std::string_view path);
/// What stands before the last `/`; the root (empty) where there is none.
std::string FolderOf(std::string_view path);
/// `name` in `folder`, which may be the root.
std::string PathIn(std::string_view folder, std::string_view name);

}  // namespace firth::store
