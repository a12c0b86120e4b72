// One SELECT over the table `streams`: a row a living stream.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/table/series.h"

namespace firth::doors::btrdb {

/// A statement that was checked and can be run.
class SqlQuery {
 public:
  virtual ~SqlQuery() = default;
  /// Give each row of the answer, a JSON object, to `emit`, until that returns false. Rows come in
  /// the order of `streams` if the statement asks for none. Errors: those of values, as SqlError.
  virtual Status Run(const std::vector<table::SeriesPtr>& streams,
                     const std::function<bool(std::string)>& emit) = 0;
};

/// Compile a hostile statement; `parameters` fill $1, $2, … as values. Error kInvalidArgument /
/// kQueryRefused says what is wrong or not supported.
Result<std::unique_ptr<SqlQuery>> CompileSql(const std::string& text,
                                             std::vector<std::string> parameters);

}  // namespace firth::doors::btrdb
