// Writes of some columns under last write. What absent and present keys get, and what a delete
// leaves, follows Apache Fluss's partial updates.
#include "firth/keyview/merge_rule.h"

#include <utility>

namespace firth::keyview {
namespace {

class Partial final : public RowRule {
 public:
  explicit Partial(TargetColumns targets) : targets_(std::move(targets)) {
    FIRTH_CHECK(!targets_.IsAll());
  }

  Result<std::string> First(std::string_view row) const override { return targets_.Only(row); }

  Result<Verdict> Next(std::string_view old, std::string_view row) const override {
    if (targets_.IsKeyOnly()) return Verdict::Keep();
    const schema::RowCodec& codec = targets_.codec();
    ARROW_ASSIGN_OR_RAISE(RowParts merged, SplitRow(codec, old));
    ARROW_ASSIGN_OR_RAISE(const RowParts given, SplitRow(codec, row));
    for (size_t c = 0; c < given.columns.size(); ++c) {
      if (targets_.Has(c)) merged.Take(given, c);
    }
    return Verdict::Row(codec.Join(merged.columns, merged.null));
  }

  Result<std::optional<std::string>> Left(std::string_view old) const override {
    return targets_.Without(old);
  }

 private:
  const TargetColumns targets_;
};

}  // namespace

RowRulePtr MakePartial(TargetColumns targets) {
  return std::make_unique<Partial>(std::move(targets));
}

}  // namespace firth::keyview
