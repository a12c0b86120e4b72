// One SELECT over the table `streams`: a row a living stream.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/doors/btrdb/sql_space.h"
#include "firth/table/series.h"
#include "firth/table/series_listing.h"

namespace firth::doors::btrdb {

/// Which streams a statement can be about at all; more may be given to it.
struct SqlScope {
  std::optional<std::vector<table::SeriesId>> ids;
  std::optional<std::string> collection;
  std::string prefix;  // of the collection
  table::SeriesParts parts = table::SeriesParts::kAll;
};

/// Visits streams one after another, until `visit` says false or fails.
using VisitStream = std::function<Result<bool>(const table::SeriesPtr&)>;
using VisitStreams = std::function<Status(const SqlScope&, const VisitStream&)>;

/// A statement that was checked and can be run.
class SqlQuery {
 public:
  virtual ~SqlQuery() = default;
  /// Give each row of the answer, a JSON object, to `emit`, until that returns false. Rows come as
  /// `streams` gives them if the statement asks for no order, but those of more groups or different
  /// rows than fit in memory. Errors: those of values, as SqlError; of `streams`; kOverBudget where
  /// sorting, DISTINCT or groups need more than `space`; kCancelled.
  virtual Status Run(const VisitStreams& streams, SqlSpace* space,
                     const std::function<bool(std::string)>& emit) const = 0;
};

/// Compile a hostile statement; `parameters` fill $1, $2, … as values. Error kInvalidArgument /
/// kQueryRefused says what is wrong or not supported.
Result<std::unique_ptr<SqlQuery>> CompileSql(const std::string& text,
                                             std::vector<std::string> parameters);

}  // namespace firth::doors::btrdb
