// The options that define a table, for the commands that make or change one.
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

/// What a living table can change.
struct LivingOptions {
  std::string log_lifetime;
  int64_t log_bytes = 0;
  std::string compression;
  std::vector<std::string> attributes;  // name=value

  void AddTo(CLI::App* command);
  /// Add what was given to the fields of an action.
  Status Write(nlohmann::json* body) const;
};

/// What only a new table takes.
struct DefinitionOptions {
  std::string schema;
  std::vector<std::string> key;
  std::vector<std::string> order;
  std::vector<std::string> series_by;
  std::vector<std::string> partition_by;
  std::vector<std::string> bucket_by;
  int32_t buckets = 0;
  std::string time_column;
  std::string merge;
  std::string image;
  LivingOptions living;

  void AddTo(CLI::App* command);
  Status Write(nlohmann::json* body) const;
};

/// "name=value" texts as an object. Error kInvalidArgument.
Result<nlohmann::json> NamesAndValues(const std::vector<std::string>& texts);

/// The schema as the actions take it: JSON where the text is JSON, else the short form.
Result<nlohmann::json> SchemaJson(const std::string& text);

}  // namespace firth::cli
