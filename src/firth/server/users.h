// The users that a server starts with.
#pragma once

#include <string>

#include "firth/access/access.h"
#include "firth/common/random.h"
#include "firth/server/server.h"

namespace firth::server {

/// Create or update the configured users. If there is then no administrator, and the server is not
/// one for development, make `admin` with a random secret and leave that in the data folder.
Status PutUsers(const Config& config, access::Access* access, Random* random);

}  // namespace firth::server
