// What becomes of the rows of an answer: DISTINCT, ORDER BY, OFFSET, LIMIT.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>

#include "firth/doors/btrdb/sql_sort.h"
#include "firth/doors/btrdb/sql_space.h"

namespace firth::doors::btrdb {

struct SqlOutputOptions {
  bool distinct = false;
  bool ordered = false;
  int64_t offset = 0;
  int64_t limit = INT64_MAX;
};

/// Rows go out as they come where nothing else is asked for. Errors: as SortedRecords.
class SqlOutput {
 public:
  /// `emit` takes a row of the answer, and says false when it wants no more. What is given outlives
  /// this.
  using Emit = std::function<bool(std::string)>;
  SqlOutput(const SqlOutputOptions& options, SqlSpace* space, const Emit* emit);

  /// With DISTINCT: may a row of this identity be one that was not there before?
  bool MayBeNew(const std::string& identity);
  /// A row: what ORDER BY sorts by, as bytes, what tells it from others where DISTINCT is asked
  /// for, and its text. False when no more rows are wanted.
  Result<bool> Add(const std::string& order, const std::string& identity, std::string row);
  /// Give the rows that had to wait.
  Status Finish();

 private:
  bool Give(std::string row);

  const SqlOutputOptions options_;
  const Emit* const emit_;
  int64_t skipped_ = 0;
  int64_t given_ = 0;
  SqlHeld held_;
  bool full_ = false;                     // no more identities are remembered
  bool is_new_ = false;                   // what MayBeNew said last is certain
  std::unordered_set<std::string> seen_;  // identities
  SortedRecords waiting_;
};

}  // namespace firth::doors::btrdb
