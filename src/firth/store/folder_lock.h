// The lock that keeps a folder to one process.
#pragma once

#include <string>

#include "firth/common/status.h"
#include "firth/store/posix_io.h"

namespace firth::store {

/// Take the exclusive lock on `root`/LOCK and write this process's id into it. The lock is held
/// until the descriptor is closed, and ends with the process however that dies. `root_name` is for
/// messages. Errors: kFailedPrecondition / kFolderInUse, which names the holder if it is known;
/// kIo.
Result<Descriptor> LockFolder(int root, const std::string& root_name);

}  // namespace firth::store
