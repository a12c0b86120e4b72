// Filters of reads: checked against a schema, and asked whether a file can hold a row that they
// keep.
#pragma once

#include <arrow/type.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "firth/common/status.h"

namespace firth::doors::deltacat {

class Predicate {
 public:
  /// Parse a filter as the client sends it. Errors: invalid_filter_predicate; unknown_column.
  static Result<Predicate> Parse(const std::string& text, const arrow::Schema& schema);

  /// May a file with these statistics (FileInfo::statistics) hold a row that the filter keeps? True
  /// where they do not say.
  bool MayKeep(const std::string& statistics, int64_t rows) const;

 private:
  explicit Predicate(nlohmann::json filter) : filter_(std::move(filter)) {}
  nlohmann::json filter_;
};

}  // namespace firth::doors::deltacat
