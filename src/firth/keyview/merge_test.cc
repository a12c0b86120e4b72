// Goal: each rule leaves in the view, and says in the log, what Apache Fluss's merge engines do,
// and what the other log images make of it. Method: every rule under every image, for absent and
// present keys, upserts, partial upserts and deletes, as a table of expected lines.
#include "firth/keyview/merge.h"

#include <gtest/gtest.h>

#include "firth/common/text.h"
#include "firth/keyview/testing_keyview.h"
#include "firth/keyview/testing_rows.h"

namespace firth::keyview {
namespace {

using catalog::EditionSpec;
using catalog::LogImage;
using catalog::MergeRule;
using Lines = std::vector<std::string>;

/// k is the key.
TestRows Table() {
  return TestRows({arrow::field("k", arrow::int32(), false), arrow::field("a", arrow::int64()),
                   arrow::field("b", arrow::utf8())});
}

EditionSpec Spec(MergeRule rule, LogImage image) {
  EditionSpec spec;
  spec.key = {"k"};
  spec.merge = rule;
  spec.image = image;
  if (rule == MergeRule::kGreatest) spec.merge_columns = {"a"};
  if (rule == MergeRule::kAggregate) spec.aggregates = {{"a", "sum"}};
  return spec;
}

/// One write, and the lines that it adds; the last line is what the key holds then, with "*" in
/// front where it has changed.
struct Case {
  const char* what;
  const char* old;  // "" absent
  const char* row;  // "" delete
  Lines expected;
};

void ExpectEach(const EditionSpec& spec, const std::vector<int>& targets,
                const std::vector<Case>& cases) {
  const TestRows rows = Table();
  const auto decider = MergeDecider::Make(spec, rows.codec(), targets).ValueOrDie();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    std::optional<std::string> old;
    if (*c.old != '\0') old = rows.Of(c.old);
    const std::string row = *c.row == '\0' ? "" : rows.Of(c.row);
    Effects effects;
    const Outcome outcome =
        (*c.row == '\0' ? decider->Delete(old, &effects) : decider->Upsert(old, row, &effects))
            .ValueOrDie();
    Lines lines = rows.Text(effects);
    lines.push_back((outcome.changed ? "*" : "") + rows.Text(outcome.row));
    EXPECT_EQ(lines, c.expected);
    EXPECT_TRUE(outcome.changed || outcome.row == old);
  }
}

constexpr const char* kOld = R"([1, 5, "x"])";
constexpr const char* kNew = R"([1, 7, "y"])";

TEST(MergeTest, LastWriteFull) {
  ExpectEach(Spec(MergeRule::kLastWrite, LogImage::kFull), {},
             {{"absent", "", kNew, {"+I 1,7,y", "*1,7,y"}},
              {"present", kOld, kNew, {"-U 1,5,x", "+U 1,7,y", "*1,7,y"}},
              {"equal", kOld, kOld, {"-U 1,5,x", "+U 1,5,x", "*1,5,x"}},
              {"delete present", kOld, "", {"-D 1,5,x", "*-"}},
              {"delete absent", "", "", {"-"}}});
}

TEST(MergeTest, LastWriteAfter) {
  ExpectEach(Spec(MergeRule::kLastWrite, LogImage::kAfter), {},
             {{"absent", "", kNew, {"+U 1,7,y", "*1,7,y"}},
              {"present", kOld, kNew, {"+U 1,7,y", "*1,7,y"}},
              {"delete present", kOld, "", {"-D 1,5,x", "*-"}},
              {"delete absent", "", "", {"-"}}});
}

TEST(MergeTest, LastWriteInput) {
  ExpectEach(Spec(MergeRule::kLastWrite, LogImage::kInput), {},
             {{"absent", "", kNew, {"+I 1,7,y", "*1,7,y"}},
              {"present", kOld, kNew, {"+U 1,7,y", "*1,7,y"}},
              {"delete present", kOld, "", {"-D 1,5,x", "*-"}},
              {"delete absent", "", "", {"-"}}});
}

constexpr const char* kGivesA = R"([1, 7, "never looked at"])";  // with the targets k and a

TEST(MergeTest, PartialFull) {
  ExpectEach(
      Spec(MergeRule::kLastWrite, LogImage::kFull), {1, 0},
      {{"absent", "", kGivesA, {"+I 1,7,null", "*1,7,null"}},
       {"present", kOld, kGivesA, {"-U 1,5,x", "+U 1,7,x", "*1,7,x"}},
       {"sets null", kOld, "[1, null, null]", {"-U 1,5,x", "+U 1,null,x", "*1,null,x"}},
       {"equal", kOld, kOld, {"-U 1,5,x", "+U 1,5,x", "*1,5,x"}},
       {"delete, others hold something", kOld, "", {"-U 1,5,x", "+U 1,null,x", "*1,null,x"}},
       {"delete, again", "[1, null, \"x\"]", "", {"-U 1,null,x", "+U 1,null,x", "*1,null,x"}},
       {"delete, others are null", "[1, 5, null]", "", {"-D 1,5,null", "*-"}},
       {"delete absent", "", "", {"-"}}});
}

TEST(MergeTest, PartialAfterAndInput) {
  for (const LogImage image : {LogImage::kAfter, LogImage::kInput}) {
    ExpectEach(Spec(MergeRule::kLastWrite, image), {0, 1},
               {{"absent", "", kGivesA, {"+I 1,7,null", "*1,7,null"}},
                {"present", kOld, kGivesA, {"+U 1,7,x", "*1,7,x"}},
                {"delete, others hold something", kOld, "", {"+U 1,null,x", "*1,null,x"}},
                {"delete, others are null", "[1, 5, null]", "", {"-D 1,5,null", "*-"}}});
  }
}

TEST(MergeTest, PartialOfTheKeyOnly) {
  for (const LogImage image : {LogImage::kFull, LogImage::kAfter, LogImage::kInput}) {
    ExpectEach(Spec(MergeRule::kLastWrite, image), {0},
               {{"absent", "", kNew, {"+I 1,null,null", "*1,null,null"}},
                {"present", kOld, kNew, {"1,5,x"}},
                {"delete, nothing but the key", "[1, null, null]", "", {"-D 1,null,null", "*-"}}});
  }
  ExpectEach(Spec(MergeRule::kLastWrite, LogImage::kFull), {0},
             {{"delete", kOld, "", {"-U 1,5,x", "+U 1,5,x", "*1,5,x"}}});
}

TEST(MergeTest, AllColumnsNamedIsAWholeRow) {
  ExpectEach(
      Spec(MergeRule::kLastWrite, LogImage::kAfter), {2, 0, 1, 0},
      {{"absent", "", kNew, {"+U 1,7,y", "*1,7,y"}}, {"delete", kOld, "", {"-D 1,5,x", "*-"}}});
  for (const MergeRule rule : {MergeRule::kFirst, MergeRule::kGreatest}) {
    EXPECT_OK(MergeDecider::Make(Spec(rule, LogImage::kFull), Table().codec(), {0, 1, 2}).status());
  }
}

TEST(MergeTest, First) {
  for (const LogImage image : {LogImage::kFull, LogImage::kAfter}) {
    ExpectEach(Spec(MergeRule::kFirst, image), {},
               {{"absent", "", kNew, {"+I 1,7,y", "*1,7,y"}}, {"present", kOld, kNew, {"1,5,x"}}});
  }
  ExpectEach(Spec(MergeRule::kFirst, LogImage::kInput), {},
             {{"absent", "", kNew, {"+I 1,7,y", "*1,7,y"}},
              {"present", kOld, kNew, {"+A 1,7,y", "1,5,x"}}});
}

TEST(MergeTest, GreatestFull) {
  ExpectEach(Spec(MergeRule::kGreatest, LogImage::kFull), {},
             {{"absent", "", kNew, {"+I 1,7,y", "*1,7,y"}},
              {"greater", kOld, kNew, {"-U 1,5,x", "+U 1,7,y", "*1,7,y"}},
              {"equal", kOld, R"([1, 5, "y"])", {"-U 1,5,x", "+U 1,5,y", "*1,5,y"}},
              {"less", kNew, kOld, {"1,7,y"}},
              {"below zero", "[1, 0, null]", "[1, -1, null]", {"1,0,null"}},
              {"null against a value", kOld, "[1, null, null]", {"1,5,x"}},
              {"value against null",
               "[1, null, null]",
               "[1, -9, null]",
               {"-U 1,null,null", "+U 1,-9,null", "*1,-9,null"}},
              {"null against null",
               "[1, null, null]",
               "[1, null, \"y\"]",
               {"-U 1,null,null", "+U 1,null,y", "*1,null,y"}},
              {"null equals the least value",
               "[1, -9223372036854775808, null]",
               "[1, null, \"y\"]",
               {"-U 1,-9223372036854775808,null", "+U 1,null,y", "*1,null,y"}}});
}

TEST(MergeTest, ARecordTimeThatIsNullIsThatOfTheCommit) {
  EditionSpec spec = Spec(MergeRule::kGreatest, LogImage::kInput);
  spec.time_column = "a";
  for (const std::vector<std::string>& by : {std::vector<std::string>{"a"}, {}}) {
    spec.merge_columns = by;
    ExpectEach(
        spec, {},
        {{"null wins", kOld, "[1, null, null]", {"+U 1,null,null", "*1,null,null"}},
         {"and loses", "[1, null, null]", kOld, {"+U 1,5,x", "*1,5,x"}},
         {"null against null", "[1, null, null]", "[1, null, \"y\"]", {"+U 1,null,y", "*1,null,y"}},
         {"less", kNew, kOld, {"+A 1,5,x", "1,7,y"}}});
  }
}

TEST(MergeTest, GreatestAfterAndInput) {
  ExpectEach(Spec(MergeRule::kGreatest, LogImage::kAfter), {},
             {{"absent", "", kNew, {"+I 1,7,y", "*1,7,y"}},
              {"greater", kOld, kNew, {"+U 1,7,y", "*1,7,y"}},
              {"less", kNew, kOld, {"1,7,y"}}});
  ExpectEach(Spec(MergeRule::kGreatest, LogImage::kInput), {},
             {{"absent", "", kNew, {"+I 1,7,y", "*1,7,y"}},
              {"greater", kOld, kNew, {"+U 1,7,y", "*1,7,y"}},
              {"less", kNew, kOld, {"+A 1,5,x", "1,7,y"}}});
}

TEST(MergeTest, GreatestOfSeveralColumns) {
  EditionSpec spec = Spec(MergeRule::kGreatest, LogImage::kFull);
  spec.merge_columns = {"b", "a"};
  ExpectEach(spec, {},
             {{"second decides", kOld, "[1, 4, \"x\"]", {"1,5,x"}},
              {"first decides", kOld, "[1, 4, \"xa\"]", {"-U 1,5,x", "+U 1,4,xa", "*1,4,xa"}}});
}

TEST(MergeTest, GreatestOfTheRecordTime) {
  EditionSpec spec = Spec(MergeRule::kGreatest, LogImage::kFull);
  spec.merge_columns.clear();
  // A row's record time is its commit's where no column holds it.
  ExpectEach(spec, {}, {{"last write", kNew, kOld, {"-U 1,7,y", "+U 1,5,x", "*1,5,x"}}});
  spec.time_column = "a";
  ExpectEach(spec, {},
             {{"later", kOld, kNew, {"-U 1,5,x", "+U 1,7,y", "*1,7,y"}},
              {"earlier", kNew, kOld, {"1,7,y"}},
              {"none is the commit's",
               kOld,
               "[1, null, \"z\"]",
               {"-U 1,5,x", "+U 1,null,z", "*1,null,z"}}});
}

TEST(MergeTest, Aggregate) {
  ExpectEach(Spec(MergeRule::kAggregate, LogImage::kFull), {},
             {{"absent", "", kNew, {"+I 1,7,y", "*1,7,y"}},
              {"present", kOld, kNew, {"-U 1,5,x", "+U 1,12,y", "*1,12,y"}},
              {"nulls", kOld, "[1, null, null]", {"-U 1,5,x", "+U 1,5,x", "*1,5,x"}},
              {"delete", kOld, "", {"-D 1,5,x", "*-"}}});
  for (const LogImage image : {LogImage::kAfter, LogImage::kInput}) {
    ExpectEach(Spec(MergeRule::kAggregate, image), {},
               {{"absent", "", kNew, {"+I 1,7,y", "*1,7,y"}},
                {"present", kOld, kNew, {"+U 1,12,y", "*1,12,y"}}});
  }
}

TEST(MergeTest, AggregateOfSomeColumns) {
  ExpectEach(Spec(MergeRule::kAggregate, LogImage::kFull), {0, 1},
             {{"absent", "", kGivesA, {"+I 1,7,null", "*1,7,null"}},
              {"present", kOld, kGivesA, {"-U 1,5,x", "+U 1,12,x", "*1,12,x"}},
              {"delete, others hold something", kOld, "", {"-U 1,5,x", "+U 1,null,x", "*1,null,x"}},
              {"delete, others are null", "[1, 5, null]", "", {"-D 1,5,null", "*-"}}});
  ExpectEach(Spec(MergeRule::kAggregate, LogImage::kFull), {0},
             {{"key only", kOld, kNew, {"1,5,x"}}});
}

TEST(MergeTest, DeletesAreIgnoredOrRefusedUnderEveryRule) {
  const TestRows rows = Table();
  for (const MergeRule rule :
       {MergeRule::kLastWrite, MergeRule::kFirst, MergeRule::kGreatest, MergeRule::kAggregate}) {
    EditionSpec spec = Spec(rule, LogImage::kFull);
    spec.ignore_deletes = true;
    ExpectEach(spec, {}, {{"ignored", kOld, "", {"1,5,x"}}, {"ignored, absent", "", "", {"-"}}});
    spec.refuse_deletes = true;
    const auto decider = MergeDecider::Make(spec, rows.codec(), {}).ValueOrDie();
    for (const std::optional<std::string>& old : {std::optional(rows.Of(kOld)), {}}) {
      Effects effects;
      EXPECT_REASON(decider->Delete(old, &effects).status(), Code::kFailedPrecondition,
                    Reason::kDeletionDisabled);
      EXPECT_TRUE(effects.all().empty());
    }
    spec = Spec(rule, LogImage::kFull);
    ExpectEach(spec, {}, {{"allowed", kOld, "", {"-D 1,5,x", "*-"}}});
  }
}

TEST(MergeTest, PartialUpdatesThatAreRefused) {
  const TestRows rows = Table();
  const auto make = [&](MergeRule rule, const std::vector<int>& targets) {
    return MergeDecider::Make(Spec(rule, LogImage::kFull), rows.codec(), targets).status();
  };
  for (const auto& targets : std::vector<std::vector<int>>{{1}, {1, 2}, {0, 3}, {0, -1}}) {
    EXPECT_REASON(make(MergeRule::kLastWrite, targets), Code::kInvalidArgument,
                  Reason::kPartialUpdate);
    EXPECT_REASON(make(MergeRule::kAggregate, targets), Code::kInvalidArgument,
                  Reason::kPartialUpdate);
  }
  for (const MergeRule rule : {MergeRule::kFirst, MergeRule::kGreatest}) {
    EXPECT_REASON(make(rule, {0, 1}), Code::kInvalidArgument, Reason::kPartialUpdate);
  }
  // Every column besides the key must be nullable, also those that are set.
  const TestRows strict({arrow::field("k", arrow::int32(), false),
                         arrow::field("a", arrow::int64(), false),
                         arrow::field("b", arrow::utf8())});
  const auto spec = Spec(MergeRule::kLastWrite, LogImage::kFull);
  EXPECT_REASON(MergeDecider::Make(spec, strict.codec(), {0, 1}).status(), Code::kInvalidArgument,
                Reason::kPartialUpdate);
  EXPECT_OK(MergeDecider::Make(spec, strict.codec(), {0, 1, 2}).status());
}

TEST(MergeTest, SpecsThatCannotBeDecided) {
  const TestRows rows = Table();
  const auto make = [&](const EditionSpec& spec) {
    return MergeDecider::Make(spec, rows.codec(), {}).status();
  };
  EXPECT_REASON(make(Spec(MergeRule::kNone, LogImage::kFull)), Code::kInvalidArgument,
                Reason::kNotKeyed);
  EditionSpec spec = Spec(MergeRule::kLastWrite, LogImage::kFull);
  spec.key.clear();
  EXPECT_REASON(make(spec), Code::kInvalidArgument, Reason::kNotKeyed);
  spec.key = {"nope"};
  EXPECT_EQ(ReasonOf(make(spec)), Reason::kColumnNotFound);
  spec = Spec(MergeRule::kGreatest, LogImage::kFull);
  spec.merge_columns = {"nope"};
  EXPECT_EQ(ReasonOf(make(spec)), Reason::kColumnNotFound);
  spec = Spec(MergeRule::kAggregate, LogImage::kFull);
  spec.aggregates = {{"nope", "sum"}};
  EXPECT_EQ(ReasonOf(make(spec)), Reason::kColumnNotFound);
  spec.aggregates = {{"b", "sum"}};
  EXPECT_REASON(make(spec), Code::kInvalidArgument, Reason::kInvalidProperty);
}

TEST(MergeTest, RowsThatAreNotWholeAreErrorsAndLeaveNoTrace) {
  const TestRows rows = Table();
  const std::string whole = rows.Of(kOld);
  for (const MergeRule rule :
       {MergeRule::kLastWrite, MergeRule::kGreatest, MergeRule::kAggregate}) {
    const std::vector<int> targets =
        rule == MergeRule::kLastWrite ? std::vector<int>{0, 1} : std::vector<int>{};
    const auto decider =
        MergeDecider::Make(Spec(rule, LogImage::kFull), rows.codec(), targets).ValueOrDie();
    Effects effects;
    EXPECT_EQ(
        ReasonOf(decider->Upsert(std::string_view(whole).substr(0, 2), whole, &effects).status()),
        Reason::kCorruptBatch);
    EXPECT_EQ(ReasonOf(decider->Upsert(whole, "\x01", &effects).status()), Reason::kCorruptBatch);
    EXPECT_TRUE(effects.all().empty());
  }
}

/// The rows of the golden batch of Fluss's contract, as its clients send them: k INT, s STRING,
/// n BIGINT, d DECIMAL(10,2), ts TIMESTAMP(6).
TEST(MergeTest, FlussGoldenRows) {
  const TestRows rows({arrow::field("k", arrow::int32(), false), arrow::field("s", arrow::utf8()),
                       arrow::field("n", arrow::int64()),
                       arrow::field("d", arrow::decimal128(10, 2)),
                       arrow::field("ts", arrow::timestamp(arrow::TimeUnit::MICRO))});
  const std::string one =
      FromHex("0001026869ffffffffffffffffff01960180d0eab6b7338827").ValueOrDie();
  const std::string nulls = FromHex("1eac02").ValueOrDie();
  const auto spec = Spec(MergeRule::kLastWrite, LogImage::kFull);
  const auto whole = MergeDecider::Make(spec, rows.codec(), {}).ValueOrDie();
  Effects effects;
  EXPECT_EQ(whole->Upsert(std::nullopt, one, &effects)->row, one);
  EXPECT_EQ(whole->Upsert(std::nullopt, nulls, &effects)->row, nulls);
  EXPECT_EQ(whole->Delete(one, &effects)->row, std::nullopt);
  EXPECT_EQ(rows.Text(effects),
            (Lines{"+I 1,hi,-1,1.50,2026-01-01 00:00:00.000005", "+I 300,null,null,null,null",
                   "-D 1,hi,-1,1.50,2026-01-01 00:00:00.000005"}));
  EXPECT_EQ(effects.all()[0].row, one);
  // A partial update of n takes the other columns' bytes over as they are.
  const auto partial = MergeDecider::Make(spec, rows.codec(), {0, 2}).ValueOrDie();
  const std::string given = FromHex("1a0105").ValueOrDie();
  EXPECT_EQ(ToHex(*partial->Upsert(one, given, &effects)->row),
            "0001026869"
            "05"
            "960180d0eab6b7338827");
}

}  // namespace
}  // namespace firth::keyview
