// Constants of a plan as values of a table's column.
#pragma once

#include <arrow/scalar.h>
#include <arrow/type.h>

#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

namespace firth::query {

/// A constant that a column is compared with. DuckDB holds some types coarser than we do: it is
/// then every value from `least` to `greatest`.
struct PlanValue {
  std::shared_ptr<arrow::Scalar> least;
  std::shared_ptr<arrow::Scalar> greatest;
  bool exact = true;  // they are one
};

/// A constant of a plan that stands beside a column of this type; nothing where they do not compare
/// as DuckDB compares them.
std::optional<PlanValue> ValueOfPlan(const nlohmann::json& constant,
                                     const std::shared_ptr<arrow::DataType>& type);

}  // namespace firth::query
