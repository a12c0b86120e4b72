// Folders of the machine that are nobody else's business.
#pragma once

#include <string>

#include "firth/common/status.h"

namespace firth::store {

/// Make a folder of the machine, and those above it, for its owner only (mode 0700): what lies in
/// it may have any mode. An existing one stays as it is. Errors as of a file system's.
Status MakeOwnFolder(const std::string& folder);

}  // namespace firth::store
