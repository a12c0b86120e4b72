// A session in a folder that this process opens itself.
#pragma once

#include <memory>
#include <string>

#include "firth/common/status.h"
#include "firth/doors/flight/session.h"
#include "firth/store/file_system.h"

namespace firth::cli {

/// Open the store in `files`, recovering it. Its caller may do everything: whoever can open the
/// folder can. Reads that follow are refused, because nothing can arrive.
Result<std::unique_ptr<doors::flight::Session>> OpenLocalSession(
    std::unique_ptr<store::FileSystem> files, const std::string& folder);

}  // namespace firth::cli
