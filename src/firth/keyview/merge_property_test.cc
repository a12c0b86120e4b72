// Goal: whatever is written, whoever folds the changelog holds what the view holds; and the laws by
// which rules may be told apart. Method: random writes to a few keys under random rules and images.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "firth/keyview/merge.h"
#include "firth/keyview/testing_keyview.h"
#include "firth/keyview/testing_rows.h"

namespace firth::keyview {
namespace {

using catalog::EditionSpec;
using catalog::LogImage;
using catalog::MergeRule;

constexpr int kColumns = 5;

const TestRows& Table() {
  static const TestRows rows(
      {arrow::field("a", arrow::int32()), arrow::field("k", arrow::int32(), false),
       arrow::field("b", arrow::utf8()), arrow::field("c", arrow::decimal128(20, 2)),
       arrow::field("d", arrow::boolean())});
  return rows;
}

EditionSpec AnySpec() {
  EditionSpec spec;
  spec.key = {"k"};
  spec.merge = *rc::gen::element(MergeRule::kLastWrite, MergeRule::kFirst, MergeRule::kGreatest,
                                 MergeRule::kAggregate);
  spec.image = *rc::gen::element(LogImage::kFull, LogImage::kAfter, LogImage::kInput);
  spec.ignore_deletes = *rc::gen::weightedElement<bool>({{3, false}, {1, true}});
  if (spec.merge == MergeRule::kGreatest) spec.merge_columns = {"a"};
  if (spec.merge == MergeRule::kAggregate) {
    spec.aggregates = {{"a", *rc::gen::element<std::string>("sum", "product", "min", "last_value")},
                       {"b", *rc::gen::element<std::string>("listagg", "max", "first_value")},
                       {"c", *rc::gen::element<std::string>("sum", "product", "max")},
                       {"d", *rc::gen::element<std::string>("bool_and", "bool_or")}};
  }
  return spec;
}

/// Columns that a writer sets: all, or the key and some others where the rule allows it.
std::vector<int> AnyTargets(const EditionSpec& spec) {
  if (spec.merge == MergeRule::kFirst || spec.merge == MergeRule::kGreatest) return {};
  if (*rc::gen::arbitrary<bool>()) return {};
  std::vector<int> targets = {1};
  for (const int c : {0, 2, 3, 4}) {
    if (*rc::gen::arbitrary<bool>()) targets.push_back(c);
  }
  return targets;
}

std::string OrNull(const std::string& json) {
  return *rc::gen::weightedElement<bool>({{3, true}, {1, false}}) ? json : "null";
}

std::string AnyRow(int key) {
  const int number = *rc::gen::inRange(-3, 4);
  return Table().Of("[" + OrNull(std::to_string(number)) + "," + std::to_string(key) + "," +
                    OrNull(*rc::gen::element<std::string>("\"\"", "\"x\"", "\"yy\"")) + "," +
                    OrNull(*rc::gen::element<std::string>("\"1.50\"", "\"-0.25\"", "\"0.00\"",
                                                          "\"99999999999999999.99\"")) +
                    "," + OrNull(*rc::gen::element<std::string>("true", "false")) + "]");
}

/// A follower: what the changelog says, taken literally.
class Follower {
 public:
  explicit Follower(LogImage image) : image_(image) {}

  void Take(int key, const Effects& effects) {
    std::optional<std::string>& held = held_[key];
    bool before_told = false;
    for (const Effect& effect : effects.all()) {
      RC_ASSERT(Table().codec()->Check(effect.row).ok());
      switch (effect.change) {
        case log::Change::kAppend:
          RC_ASSERT(image_ == LogImage::kInput);
          RC_ASSERT(held.has_value());
          break;
        case log::Change::kInsert:
          RC_ASSERT(!held.has_value());
          held = std::string(effect.row);
          break;
        case log::Change::kUpdateBefore:
          RC_ASSERT(image_ == LogImage::kFull);
          RC_ASSERT(held == effect.row);
          before_told = true;
          break;
        case log::Change::kUpdateAfter:
          RC_ASSERT(before_told == (image_ == LogImage::kFull));
          RC_ASSERT(held.has_value() || image_ == LogImage::kAfter);
          held = std::string(effect.row);
          break;
        case log::Change::kDelete:
          RC_ASSERT(held == effect.row);
          held.reset();
          break;
      }
    }
  }
  const std::optional<std::string>& Held(int key) { return held_[key]; }

 private:
  const LogImage image_;
  std::map<int, std::optional<std::string>> held_;
};

RC_GTEST_PROP(MergeProperty, FoldingTheChangelogGivesTheView, ()) {
  const EditionSpec spec = AnySpec();
  const auto whole = MergeDecider::Make(spec, Table().codec(), {}).ValueOrDie();
  const auto partial = MergeDecider::Make(spec, Table().codec(), AnyTargets(spec)).ValueOrDie();
  std::map<int, std::optional<std::string>> view;
  Follower follower(spec.image);
  const int writes = *rc::gen::inRange(0, 40);
  for (int i = 0; i < writes; ++i) {
    const int key = *rc::gen::inRange(0, 3);
    const auto& decider = *rc::gen::arbitrary<bool>() ? whole : partial;
    Effects effects;
    Outcome outcome;
    const std::string row = AnyRow(key);
    if (*rc::gen::weightedElement<bool>({{1, true}, {3, false}})) {
      outcome = decider->Delete(view[key], &effects).ValueOrDie();
    } else {
      outcome = decider->Upsert(view[key], row, &effects).ValueOrDie();
      RC_ASSERT(outcome.row.has_value());
    }
    RC_ASSERT(outcome.changed || outcome.row == view[key]);
    // Whatever changes the view is told, and nothing is told of what does not happen.
    RC_ASSERT(outcome.changed ==
              std::any_of(effects.all().begin(), effects.all().end(), [](const Effect& effect) {
                return effect.change != log::Change::kAppend;
              }));
    follower.Take(key, effects);
    // The outcome may be a view of what was held.
    const auto held =
        outcome.row.has_value() ? std::optional(std::string(*outcome.row)) : std::nullopt;
    view[key] = held;
    RC_ASSERT(follower.Held(key) == view[key]);
  }
}

RC_GTEST_PROP(MergeProperty, NewEffectsGoBehindOldOnes, ()) {
  const EditionSpec spec = AnySpec();
  const auto decider = MergeDecider::Make(spec, Table().codec(), {}).ValueOrDie();
  const auto old = std::optional(AnyRow(1));
  const std::string row = AnyRow(1);
  Effects alone;
  Effects behind;
  behind.Add(log::Change::kDelete, row);
  const Outcome first = decider->Upsert(old, row, &alone).ValueOrDie();
  const Outcome second = decider->Upsert(old, row, &behind).ValueOrDie();
  RC_ASSERT(first.changed == second.changed);
  RC_ASSERT(first.row == second.row);
  RC_ASSERT(behind.all().size() == alone.all().size() + 1);
  for (size_t i = 0; i < alone.all().size(); ++i) {
    RC_ASSERT(behind.all()[i + 1].change == alone.all()[i].change);
    RC_ASSERT(behind.all()[i + 1].row == alone.all()[i].row);
  }
}

/// What a key holds after `rows`.
std::optional<std::string> After(const EditionSpec& spec, const std::vector<std::string>& rows) {
  const auto decider = MergeDecider::Make(spec, Table().codec(), {}).ValueOrDie();
  std::optional<std::string> held;
  for (const std::string& row : rows) {
    Effects effects;
    const std::string next(*decider->Upsert(held, row, &effects)->row);
    held = next;
  }
  return held;
}

std::vector<std::string> AnyRows() {
  std::vector<std::string> rows(*rc::gen::inRange<size_t>(1, 8));
  for (std::string& row : rows) row = AnyRow(1);
  return rows;
}

RC_GTEST_PROP(MergeProperty, FoldsDoNotMindTheOrder, ()) {
  EditionSpec spec;
  spec.key = {"k"};
  spec.merge = MergeRule::kAggregate;
  // A sum that overflows is null at that point, so the order of decimals may matter.
  spec.aggregates = {{"a", *rc::gen::element<std::string>("sum", "product", "min", "max")},
                     {"b", *rc::gen::element<std::string>("max", "min")},
                     {"c", *rc::gen::element<std::string>("max", "min")},
                     {"d", *rc::gen::element<std::string>("bool_and", "bool_or")}};
  std::vector<std::string> rows = AnyRows();
  const auto before = After(spec, rows);
  std::reverse(rows.begin(), rows.end());
  RC_ASSERT(After(spec, rows) == before);
  std::rotate(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(rows.size() / 2), rows.end());
  RC_ASSERT(After(spec, rows) == before);
}

RC_GTEST_PROP(MergeProperty, TheFirstAndTheLastRowStay, ()) {
  EditionSpec spec;
  spec.key = {"k"};
  const std::vector<std::string> rows = AnyRows();
  spec.merge = MergeRule::kFirst;
  RC_ASSERT(After(spec, rows) == rows.front());
  spec.merge = MergeRule::kLastWrite;
  RC_ASSERT(After(spec, rows) == rows.back());
  spec.merge = MergeRule::kAggregate;
  for (const char* column : {"a", "b", "c", "d"}) spec.aggregates[column] = "last_value";
  RC_ASSERT(After(spec, rows) == rows.back());
}

RC_GTEST_PROP(MergeProperty, TheGreatestRowIsOneOfThoseWritten, ()) {
  EditionSpec spec;
  spec.key = {"k"};
  spec.merge = MergeRule::kGreatest;
  spec.merge_columns = {"c", "a"};
  std::vector<std::string> rows = AnyRows();
  const auto held = After(spec, rows);
  RC_ASSERT(std::find(rows.begin(), rows.end(), held) != rows.end());
  // No row that was written goes before it.
  for (const std::string& row : rows) RC_ASSERT(After(spec, {row, *held}) == held);
}

}  // namespace
}  // namespace firth::keyview
