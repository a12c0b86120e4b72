// How the keys of the configuration are set, whichever way a value came.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "firth/server/server.h"

namespace firth::server {

/// The key with this path, or null.
const ConfigKey* FindKey(const std::string& path);

/// Set a key to its values, of which those that are no list have one. Errors: kInvalidArgument.
Status SetKey(Config* config, const ConfigKey& key, const std::vector<std::string>& values);

/// Merge a TOML file. Errors name the file and the line.
Status MergeFile(const std::string& file, Config* config);

}  // namespace firth::server
