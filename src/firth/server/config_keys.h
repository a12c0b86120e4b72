// How the keys of the configuration are set, whichever way a value came.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "firth/server/server.h"

namespace firth::server {

/// A key that is a whole number.
struct NumberKey {
  std::string_view path;
  int64_t least;
  int64_t most;
  int64_t otherwise;
  std::string_view meaning;
  /// In place of `otherwise`, where that is not a number that everybody has.
  std::string_view otherwise_text = "";
};
const std::vector<NumberKey>& NumberKeys();
/// What `keys.memory_bytes` is if nothing is said: as much as machine_memory.h has it.
inline constexpr int64_t kUsualKeyMemory = 0;
/// Is the value of this key a number?
bool IsNumber(const std::string& path);

/// The key with this path, or null.
const ConfigKey* FindKey(const std::string& path);

/// Set a key to its values, of which those that are no list have one. Errors: kInvalidArgument.
Status SetKey(Config* config, const ConfigKey& key, const std::vector<std::string>& values);

/// Merge a TOML file. Errors name the file and the line.
Status MergeFile(const std::string& file, Config* config);

}  // namespace firth::server
