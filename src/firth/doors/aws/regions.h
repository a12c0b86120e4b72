// Regions: which rows a query takes. Text of clients in, a test of rows out.
#pragma once

#include <arrow/array.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/doors/aws/table_shape.h"

namespace firth::doors::aws {

/// A bound or a point, as bytes whose order is the order of values (schema/key.h).
struct KeyRange {
  std::string min;
  bool min_inclusive = true;
  std::optional<std::string> max;  // absent: no upper end
  bool max_inclusive = false;

  bool IsPoint() const { return max.has_value() && *max == min && min_inclusive && max_inclusive; }
  bool IsEmpty() const {
    return max.has_value() && (*max < min || (*max == min && !(min_inclusive && max_inclusive)));
  }
  bool Holds(const std::string& key) const {
    if (key < min || (key == min && !min_inclusive)) return false;
    return !max.has_value() || key < *max || (key == *max && max_inclusive);
  }
};

/// A set of regions over a table's row keys. Immutable once read; a row is taken if any region
/// takes it, and the cost of asking hardly grows with the number of regions.
class RegionSet {
 public:
  /// Read the list `regions` of a message. Errors kInvalidArgument name the field.
  static Result<RegionSet> Read(const json& regions, const TableShape& shape);

  /// Which rows are taken: `keys` are the row-key columns in order, as they are shown.
  Result<std::vector<int64_t>> Take(const std::vector<std::shared_ptr<arrow::Array>>& keys) const;
  bool takes_all() const { return takes_all_; }
  /// Ranges of keys that hold every row taken, and others: [from, to) in the bytes of the first row
  /// key, an empty `to` to the end. None: all rows.
  const std::vector<std::pair<std::string, std::string>>& spans() const { return spans_; }

 private:
  using Region = std::map<int, KeyRange>;  // by row key

  /// Regions that bind the same keys. One key: disjoint ranges, sorted. Points: a set of joined
  /// keys. Else ranges of the first bound key, sorted, each with the whole region.
  struct Group {
    std::vector<int> bound;
    std::vector<KeyRange> merged;         // one key
    std::vector<std::string> points;      // sorted
    std::vector<Region> boxes;            // by the least value of the first bound key
    std::vector<std::string> max_so_far;  // of that key, over the boxes up to here
    std::vector<bool> unbounded_so_far;
  };

  void Add(std::vector<Region> regions);
  void AddSpans(const std::vector<Region>& regions);
  static void MergeRanges(std::vector<KeyRange>* ranges);
  bool TakenBy(const Group& group, const std::vector<const std::string*>& keys) const;

  std::vector<std::shared_ptr<arrow::DataType>> types_;
  std::vector<Group> groups_;
  bool takes_all_ = false;
  std::vector<std::pair<std::string, std::string>> spans_;
};

}  // namespace firth::doors::aws
