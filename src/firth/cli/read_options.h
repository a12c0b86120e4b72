// The options that choose rows, for the commands that read.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/doors/flight/session.h"

namespace CLI {
class App;
}  // namespace CLI

namespace firth::cli {

struct ReadOptions {
  std::string path;
  std::vector<std::string> columns;
  std::vector<std::string> where;  // "column op value"
  std::vector<std::string> partition;
  int32_t bucket = -1;
  std::string from;
  std::string to;
  int64_t as_of = 0;
  int64_t limit = -1;
  bool changes = false;  // of a table with a key, too
  std::string prefix;    // of keys, `,` between columns
  bool backwards = false;

  void AddTo(CLI::App* command);
  /// Add the option that shows changes, for commands that otherwise show current rows.
  void AddChangesTo(CLI::App* command);
  /// Write the ticket that reads these rows of the log. Error kInvalidArgument.
  Status Write(nlohmann::json* ticket) const;
  /// The same but for --from and --to.
  Status WriteAll(nlohmann::json* ticket) const;
  Status WriteOffsets(nlohmann::json* ticket) const;
};

/// Values of key columns, which are written with `,` between; one that holds a `,` in quotes, as in
/// CSV.
std::vector<std::string> KeyValues(const std::string& text);

/// Of a table with a key read the current rows, in the range of keys that the options give, unless
/// they ask for changes or for a commit: then --from and --to are offsets.
Status PreferCurrent(const ReadOptions& options, doors::flight::Session* session,
                     nlohmann::json* ticket);

}  // namespace firth::cli
