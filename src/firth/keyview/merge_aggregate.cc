#include <deque>
#include <utility>
#include <vector>

#include "firth/keyview/aggregate_function.h"
#include "firth/keyview/merge_rule.h"
#include "firth/schema/schema.h"

namespace firth::keyview {
namespace {

class Aggregate final : public RowRule {
 public:
  /// `functions`: one a column; null in those that are taken over from the new row.
  Aggregate(RowCodecPtr codec, TargetColumns targets, std::vector<AggregateFunctionPtr> functions)
      : codec_(std::move(codec)), targets_(std::move(targets)), functions_(std::move(functions)) {}

  Result<std::string> First(std::string_view row) const override { return targets_.Only(row); }

  Result<Verdict> Next(std::string_view old, std::string_view row) const override {
    if (targets_.IsKeyOnly() && !targets_.IsAll()) return Verdict::Keep();
    ARROW_ASSIGN_OR_RAISE(RowParts merged, SplitRow(*codec_, old));
    ARROW_ASSIGN_OR_RAISE(const RowParts given, SplitRow(*codec_, row));
    std::deque<std::string> scratches;  // a deque leaves them where they are
    for (size_t c = 0; c < functions_.size(); ++c) {
      if (!targets_.Has(c)) continue;
      if (functions_[c] == nullptr) {
        merged.Take(given, c);
        continue;
      }
      const Cell held{.bytes = merged.columns[c], .null = merged.null[c]};
      const Cell written{.bytes = given.columns[c], .null = given.null[c]};
      ARROW_ASSIGN_OR_RAISE(const Cell cell,
                            functions_[c]->Merge(held, written, &scratches.emplace_back()));
      merged.columns[c] = cell.null ? std::string_view() : cell.bytes;
      merged.null[c] = cell.null;
    }
    return Verdict::Row(codec_->Join(merged.columns, merged.null));
  }

  Result<std::optional<std::string>> Left(std::string_view old) const override {
    return targets_.Without(old);
  }

 private:
  const RowCodecPtr codec_;
  const TargetColumns targets_;
  const std::vector<AggregateFunctionPtr> functions_;
};

}  // namespace

Result<RowRulePtr> MakeAggregate(const catalog::EditionSpec& spec, RowCodecPtr codec,
                                 TargetColumns targets) {
  const arrow::Schema& schema = *codec->schema();
  for (const auto& [column, function] : spec.aggregates) {
    ARROW_RETURN_NOT_OK(schema::ColumnIndices(schema, {column}).status());
  }
  std::vector<AggregateFunctionPtr> functions;
  for (int c = 0; c < schema.num_fields(); ++c) {
    const arrow::Field& field = *schema.field(c);
    const auto named = spec.aggregates.find(field.name());
    const std::string text = named == spec.aggregates.end() ? "" : named->second;
    ARROW_ASSIGN_OR_RAISE(AggregateFunctionPtr function, MakeAggregateFunction(text, field));
    // Rows of one key agree in the key, whatever function its columns are given.
    if (targets.IsKey(static_cast<size_t>(c))) function = nullptr;
    functions.push_back(std::move(function));
  }
  return std::make_unique<Aggregate>(std::move(codec), std::move(targets), std::move(functions));
}

}  // namespace firth::keyview
