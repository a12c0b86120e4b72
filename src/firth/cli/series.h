// Commands on series of points.
#pragma once

#include "firth/cli/commands.h"

namespace firth::cli {

void AddSeries(CommandLine* line);  // series, windows, nearest

}  // namespace firth::cli
