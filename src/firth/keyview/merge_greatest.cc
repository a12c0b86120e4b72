#include <utility>
#include <vector>

#include "firth/keyview/column_order.h"
#include "firth/keyview/merge_rule.h"
#include "firth/schema/schema.h"

namespace firth::keyview {
namespace {

struct OrderedColumn {
  size_t index;
  ColumnOrder order;
};

class Greatest final : public RowRule {
 public:
  Greatest(RowCodecPtr codec, std::vector<OrderedColumn> columns, bool by_record_time)
      : codec_(std::move(codec)), columns_(std::move(columns)), by_record_time_(by_record_time) {}

  /// The new row wins where it is equal.
  Result<Verdict> Next(std::string_view old, std::string_view row) const override {
    ARROW_ASSIGN_OR_RAISE(const RowParts held, SplitRow(*codec_, old));
    ARROW_ASSIGN_OR_RAISE(const RowParts given, SplitRow(*codec_, row));
    // A row without a time of its own has its commit's: it comes after what was there before it,
    // and before what is written after it.
    const size_t first = columns_.front().index;
    if (by_record_time_ && (held.null[first] || given.null[first])) {
      return Verdict::Row(std::string(row));
    }
    for (const auto& [c, order] : columns_) {
      ARROW_ASSIGN_OR_RAISE(const std::string before, order.Rank(held.columns[c], held.null[c]));
      ARROW_ASSIGN_OR_RAISE(const std::string after, order.Rank(given.columns[c], given.null[c]));
      if (after < before) return Verdict::Lost();
      if (after > before) break;
    }
    return Verdict::Row(std::string(row));
  }

 private:
  const RowCodecPtr codec_;
  const std::vector<OrderedColumn> columns_;
  const bool by_record_time_;
};

}  // namespace

Result<RowRulePtr> MakeGreatest(const catalog::EditionSpec& spec, RowCodecPtr codec) {
  std::vector<std::string> by = spec.merge_columns;
  if (by.empty()) {
    // The record time of a row without a time column is its commit's, so the last write is the
    // greatest.
    if (spec.time_column.empty()) return MakeLastWrite();
    by.push_back(spec.time_column);
  }
  const bool by_record_time = by.size() == 1 && by.front() == spec.time_column;
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> indices,
                        schema::ColumnIndices(*codec->schema(), by));
  std::vector<OrderedColumn> columns;
  for (const int index : indices) {
    ARROW_ASSIGN_OR_RAISE(auto order, ColumnOrder::Make(codec->schema()->field(index)->type()));
    columns.push_back({.index = static_cast<size_t>(index), .order = std::move(order)});
  }
  return std::make_unique<Greatest>(std::move(codec), std::move(columns), by_record_time);
}

}  // namespace firth::keyview
