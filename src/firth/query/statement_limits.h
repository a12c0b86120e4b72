// How much a statement may ask of the one who plans it. DuckDB's planner cannot be interrupted and
// does not count its memory, and some of its functions neither: what a few lines can blow up beyond
// all bounds is refused before it gets there.
#pragma once

#include <functional>
#include <string_view>

#include "firth/common/status.h"
#include "firth/query/statement.h"

namespace firth::query {

/// Tables and subqueries; those of a WITH clause count at each use, those of a scalar subquery
/// twice, for so often they are planned.
inline constexpr double kPartsMax = 1000;
/// Expressions that are not constants, counted likewise.
inline constexpr double kExpressionsMax = 10'000;
/// Columns of all subqueries together.
inline constexpr double kColumnsMax = 20'000;
/// Fields that nested types made by the statement have.
inline constexpr double kNestedFieldsMax = 10'000;
/// Characters or items that a function may be told to make of one value.
inline constexpr double kMadeLengthMax = 1'000'000;
/// Lambdas within lambdas.
inline constexpr int kLambdasMax = 2;

/// Check a tree that TablesOf took. `columns_of` tells how many columns a table has that is no WITH
/// clause. Error kQueryRefused says what there is too much of.
Status CheckLimits(std::string_view tree,
                   const std::function<int(const TableName& name)>& columns_of);

}  // namespace firth::query
