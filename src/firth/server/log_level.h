// Levels of the log of events by name.
#pragma once

#include <string>

#include "firth/common/logging.h"
#include "firth/common/status.h"

namespace firth::server {

/// The level called `debug`, `info`, `warning` or `error`. Error kInvalidArgument.
Result<logging::Level> ParseLogLevel(const std::string& name);

}  // namespace firth::server
