// The keys of objects, and the files that hold them in a folder object store.
//
// A key's bytes are written as they are if they are letters, digits, `-` or `_`, others as %HH. A
// name of more than 200 bytes is cut into pieces of that length, and all but the last become
// folders that end in `+`. So no name is `.` or `..`, holds a `/`, or ends in `~` (a file that is
// being written).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::store {

inline constexpr size_t kObjectKeyBytesMax = 1024;
inline constexpr char kKeyFolderSuffix = '+';

/// UTF-8 of 1 to 1024 bytes, else kInvalidArgument / kInvalidName.
Status CheckObjectKey(std::string_view key);

/// The path of a key's file below the store's folder.
std::string ObjectPath(std::string_view key);
/// The key whose path this is; nothing if it is no key's.
std::optional<std::string> ObjectKeyOf(std::string_view path);

}  // namespace firth::store
