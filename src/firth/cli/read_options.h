// The options that choose rows, for the commands that read.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "firth/common/status.h"

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

  void AddTo(CLI::App* command);
  /// Write the ticket that reads these rows. Error kInvalidArgument.
  Status Write(nlohmann::json* ticket) const;
};

}  // namespace firth::cli
