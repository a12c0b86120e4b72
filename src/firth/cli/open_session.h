// Where a command's tables are: at a server, or in a folder that no server holds.
#pragma once

#include <memory>

#include "firth/cli/commands.h"
#include "firth/common/status.h"
#include "firth/doors/flight/session.h"

namespace firth::cli {

using doors::flight::RowReader;
using doors::flight::RowWriter;
using doors::flight::Session;

/// The server that --server names; else the one that holds the folder --data, by its endpoints.json
/// and, where no secret was given and the file can be read, with its admin.secret; else the folder
/// itself. With `make`, a folder that has no store gets one; without, that is an error.
Result<std::unique_ptr<Session>> OpenSession(const Common& common, bool make = false);

}  // namespace firth::cli
