#include "firth/keyview/merge.h"

#include <utility>

#include "firth/keyview/merge_rule.h"
#include "firth/schema/schema.h"

namespace firth::keyview {
namespace {

using catalog::LogImage;
using catalog::MergeRule;

Result<RowRulePtr> MakeRule(const catalog::EditionSpec& spec, RowCodecPtr codec,
                            TargetColumns targets) {
  if ((spec.merge == MergeRule::kFirst || spec.merge == MergeRule::kGreatest) && !targets.IsAll()) {
    return Error(Code::kInvalidArgument, Reason::kPartialUpdate,
                 "a table that keeps the first or the greatest row of a key takes whole rows only");
  }
  switch (spec.merge) {
    case MergeRule::kNone:
      break;
    case MergeRule::kLastWrite:
      return targets.IsAll() ? MakeLastWrite() : MakePartial(std::move(targets));
    case MergeRule::kFirst:
      return MakeFirst();
    case MergeRule::kGreatest:
      return MakeGreatest(spec, std::move(codec));
    case MergeRule::kAggregate:
      return MakeAggregate(spec, std::move(codec), std::move(targets));
  }
  return Error(Code::kInvalidArgument, Reason::kNotKeyed, "the table has no merge rule");
}

class Decider final : public MergeDecider {
 public:
  Decider(const catalog::EditionSpec& spec, RowRulePtr rule)
      : image_(spec.image),
        ignore_deletes_(spec.ignore_deletes),
        refuse_deletes_(spec.refuse_deletes),
        rule_(std::move(rule)) {}

  Result<Outcome> Upsert(std::optional<std::string_view> old, std::string_view row,
                         Effects* effects) const override {
    const bool takes_all = rule_->TakesAll();
    if (!old.has_value()) {
      std::string_view first = row;
      if (!takes_all) {
        ARROW_ASSIGN_OR_RAISE(std::string made, rule_->First(row));
        first = effects->Keep(std::move(made));
      }
      // Under `after`, whoever overwrites whole rows does not say whether there was one.
      const bool untold = image_ == LogImage::kAfter && takes_all;
      effects->Add(untold ? log::Change::kUpdateAfter : log::Change::kInsert, first);
      return Outcome{.changed = true, .row = first};
    }
    if (takes_all) return Update(*old, row, effects);
    ARROW_ASSIGN_OR_RAISE(Verdict verdict, rule_->Next(*old, row));
    switch (verdict.kind) {
      case Verdict::Kind::kRow:
        return Update(*old, effects->Keep(std::move(verdict.row)), effects);
      case Verdict::Kind::kKeep:
        break;
      case Verdict::Kind::kLost:
        if (image_ == LogImage::kInput) effects->Add(log::Change::kAppend, row);
        break;
    }
    return Outcome{.changed = false, .row = old};
  }

  Result<Outcome> Delete(std::optional<std::string_view> old, Effects* effects) const override {
    if (refuse_deletes_) {
      return Error(Code::kFailedPrecondition, Reason::kDeletionDisabled,
                   "the table does not allow deletes");
    }
    if (ignore_deletes_ || !old.has_value()) return Outcome{.changed = false, .row = old};
    ARROW_ASSIGN_OR_RAISE(std::optional<std::string> left, rule_->Left(*old));
    if (left.has_value()) return Update(*old, effects->Keep(std::move(*left)), effects);
    effects->Add(log::Change::kDelete, *old);
    return Outcome{.changed = true, .row = std::nullopt};
  }

 private:
  Outcome Update(std::string_view old, std::string_view row, Effects* effects) const {
    if (image_ == LogImage::kFull) effects->Add(log::Change::kUpdateBefore, old);
    effects->Add(log::Change::kUpdateAfter, row);
    return {.changed = true, .row = row};
  }

  const LogImage image_;
  const bool ignore_deletes_;
  const bool refuse_deletes_;
  const RowRulePtr rule_;
};

}  // namespace

Result<std::unique_ptr<const MergeDecider>> MergeDecider::Make(
    const catalog::EditionSpec& spec, std::shared_ptr<const schema::RowCodec> codec,
    const std::vector<int>& targets) {
  if (spec.key.empty()) {
    return Error(Code::kInvalidArgument, Reason::kNotKeyed, "the table has no key");
  }
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> key,
                        schema::ColumnIndices(*codec->schema(), spec.key));
  ARROW_ASSIGN_OR_RAISE(TargetColumns columns, TargetColumns::Make(codec, key, targets));
  ARROW_ASSIGN_OR_RAISE(RowRulePtr rule, MakeRule(spec, std::move(codec), std::move(columns)));
  return std::make_unique<const Decider>(spec, std::move(rule));
}

}  // namespace firth::keyview
