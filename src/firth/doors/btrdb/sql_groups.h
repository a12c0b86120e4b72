// GROUP BY and aggregates: rows gathered by their keys.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "firth/doors/btrdb/sql_expression.h"
#include "firth/doors/btrdb/sql_sort.h"
#include "firth/doors/btrdb/sql_space.h"

namespace firth::doors::btrdb {

/// Groups of rows. In memory are as many as there is room for, in the order in which they are met;
/// rows of others are sorted by group, and come after those. Errors: as SortedRecords, and those of
/// the expressions.
class SqlGroups {
 public:
  /// All three outlive this. Without keys there is one group, even of no rows.
  SqlGroups(const std::vector<SqlExpression>* keys, const std::vector<SqlAggregate>* aggregates,
            SqlSpace* space);
  ~SqlGroups();

  Status Add(const SqlRow& row);
  /// Visit each group, by its keys and its aggregates, until `visit` says false. Nothing is added
  /// afterwards.
  using Visit = std::function<Result<bool>(const SqlRow& group)>;
  Status ForEach(const Visit& visit);

 private:
  class Table;

  const std::vector<SqlExpression>* const keys_;
  const std::vector<SqlAggregate>* const aggregates_;
  SqlSpace* const space_;
  std::unique_ptr<Table> table_;
  SortedRecords others_;  // by their group's identity; the arguments of its aggregates
};

}  // namespace firth::doors::btrdb
