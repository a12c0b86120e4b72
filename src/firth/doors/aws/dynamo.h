// The DynamoDB part: reads of the tracking tables.
#pragma once

#include "firth/doors/aws/call.h"
#include "firth/doors/aws/instances.h"
#include "firth/doors/aws/trackers.h"
#include "firth/table/database.h"

namespace firth::doors::aws {

/// Answers DynamoDB requests. Thread-safe; blocks. Right: see on the instance's path.
class Dynamo {
 public:
  Dynamo(table::Database* database, const Trackers* trackers, const Instances* instances)
      : database_(database), trackers_(trackers), instances_(instances) {}

  Result<net::HttpResponse> Answer(const Call& call) const;

 private:
  Result<InstanceTracker> TableOf(const Call& call, const json& request) const;
  Result<json> Query(const Call& call, const json& request) const;
  Result<json> Scan(const Call& call, const json& request) const;
  Result<json> GetItem(const Call& call, const json& request) const;
  Result<json> Describe(const Call& call, const json& request) const;
  Result<json> ListTables(const Call& call) const;

  table::Database* const database_;
  const Trackers* const trackers_;
  const Instances* const instances_;
};

/// A condition on items: comparisons joined by AND.
class ItemCondition {
 public:
  /// Read `text` with its names and values. Takes hostile text; error Fault ValidationException.
  static Result<ItemCondition> Parse(const std::string& text, const json& names,
                                     const json& values);
  /// The old way: an object of attribute to operator and values.
  static Result<ItemCondition> FromLegacy(const json& conditions);

  bool Holds(const json& item) const;
  /// The value that `attribute` is to be equal to, if the condition says so.
  std::optional<json> EqualTo(const std::string& attribute) const;

 private:
  struct Term {
    std::string attribute;
    std::string operation;  // = <> < <= > >= BETWEEN begins_with
    std::vector<json> values;
  };
  std::vector<Term> terms_;
  friend class ConditionParser;
};

}  // namespace firth::doors::aws
