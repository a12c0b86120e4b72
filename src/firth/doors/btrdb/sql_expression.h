// Expressions of the SQL over streams: typed when they are compiled, evaluated a row at a time.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "firth/doors/btrdb/sql_value.h"
#include "firth/table/series.h"
#include "firth/table/series_listing.h"

namespace firth::doors::btrdb {

/// What an expression is evaluated on: a stream, or a group of them by its keys and its aggregates.
struct SqlRow {
  table::SeriesPtr series;
  const std::vector<SqlValue>* keys = nullptr;
  const std::vector<SqlValue>* aggregates = nullptr;
};

struct SqlExpression {
  SqlType type = SqlType::kUnknown;
  std::string name;  // of an output column without AS; empty: PostgreSQL's `?column?`
  std::optional<SqlValue> constant;  // of a literal or a parameter
  std::function<Result<SqlValue>(const SqlRow&)> evaluate;
};

struct SqlAggregate {
  enum class Kind { kCount, kMin, kMax };

  Kind kind = Kind::kCount;
  bool distinct = false;
  std::optional<SqlExpression> argument;  // none: every row counts
};

/// The text of a tree without the places in the statement: equal for equal expressions.
std::string SqlTreeText(const nlohmann::json& tree);
/// Names of a list of String nodes; empty when one is no String.
std::vector<std::string> SqlNames(const nlohmann::json& list);

/// Compiles trees of PostgreSQL's parser. Errors: SqlError, for all that is not supported.
class SqlCompiler {
 public:
  /// `alias` is the name of the one table; the parameters outlive the compiler.
  SqlCompiler(std::string alias, const std::vector<std::string>* parameters)
      : alias_(std::move(alias)), parameters_(parameters), used_(parameters->size(), false) {}

  /// From now on what is compiled stands above these groups: it sees keys and aggregates only.
  Status GroupBy(const std::vector<nlohmann::json>& keys);
  Result<SqlExpression> Compile(const nlohmann::json& tree);
  /// As a condition: of type boolean.
  Result<SqlExpression> CompileCondition(const nlohmann::json& tree);

  const std::vector<SqlExpression>& keys() const { return keys_; }
  const std::vector<SqlAggregate>& aggregates() const { return aggregates_; }
  /// What of a stream the expressions that were compiled need.
  table::SeriesParts parts() const { return parts_; }
  /// Error if a parameter was given and not used.
  Status CheckParameters() const;

 private:
  Result<SqlExpression> CompileNode(const nlohmann::json& tree);
  Result<SqlExpression> Column(const nlohmann::json& node);
  Result<SqlExpression> Constant(const nlohmann::json& node);
  Result<SqlExpression> Parameter(const nlohmann::json& node);
  Result<SqlExpression> Logic(const nlohmann::json& node);
  Result<SqlExpression> NullTest(const nlohmann::json& node);
  Result<SqlExpression> Operator(const nlohmann::json& node);
  Result<SqlExpression> In(const nlohmann::json& node);
  Result<SqlExpression> Comparison(const std::string& name, SqlExpression left,
                                   SqlExpression right);
  Result<SqlExpression> Like(const std::string& name, SqlExpression left, SqlExpression right);
  Result<SqlExpression> Regex(const std::string& name, SqlExpression left, SqlExpression right);
  Result<SqlExpression> HstoreOperator(const std::string& name, SqlExpression left,
                                       SqlExpression right);
  Result<SqlExpression> Cast(const nlohmann::json& node);
  Result<SqlExpression> Coalesce(const nlohmann::json& node);
  Result<SqlExpression> Function(const nlohmann::json& node);
  Result<SqlExpression> Aggregate(const std::string& name, const nlohmann::json& node);

  const std::string alias_;
  const std::vector<std::string>* const parameters_;
  std::vector<bool> used_;
  table::SeriesParts parts_ = table::SeriesParts::kCount;
  int depth_ = 0;
  bool grouped_ = false;
  bool in_aggregate_ = false;
  std::vector<std::string> key_texts_;
  std::vector<SqlExpression> keys_;
  std::vector<SqlAggregate> aggregates_;
};

/// Give an expression of unknown type that type. Error if it has another already.
Result<SqlExpression> SqlCoerce(SqlExpression expression, SqlType type);

}  // namespace firth::doors::btrdb
