// Goal: every kind of wrong field gives one clear error, and none ends the process.
#include "firth/doors/flight/fields.h"

#include <gtest/gtest.h>

namespace firth::doors::flight {
namespace {

using nlohmann::json;

TEST(Fields, ReadsWhatIsThere) {
  const json object = {
      {"text", "a"},   {"number", -3},        {"flag", true},  {"list", {"x", "y"}},
      {"one", "x"},    {"map", {{"k", "v"}}}, {"path", "a/b"}, {"segments", {"a/b", "c"}},
      {"word", "late"}};
  Fields fields(object, "it");
  EXPECT_EQ(fields.NeedText("text"), "a");
  EXPECT_EQ(fields.Number("number", 0), -3);
  EXPECT_TRUE(fields.Flag("flag", false));
  EXPECT_EQ(fields.Texts("list"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(fields.Texts("one"), (std::vector<std::string>{"x"}));
  EXPECT_EQ(fields.TextMap("map").at("k"), "v");
  EXPECT_EQ(fields.NeedPath("path").segments, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(fields.NeedPath("segments").segments, (std::vector<std::string>{"a/b", "c"}));
  EXPECT_EQ(fields.Choice("word", {"early", "late"}, 0), 1);
  EXPECT_EQ(fields.Number("absent", 7), 7);
  EXPECT_TRUE(fields.Check().ok()) << fields.Check();
}

TEST(Fields, NamesTheFirstMistake) {
  const json object = {
      {"text", 1},     {"list", {1}}, {"map", 1},        {"flag", "yes"},
      {"number", 1.5}, {"path", ""},  {"word", "never"}, {"big", 18446744073709551615u}};
  const auto first = [&](auto read) {
    Fields fields(object, "it");
    read(&fields);
    return MessageOf(fields.Check());
  };
  EXPECT_EQ(first([](Fields* f) { f->Text("text"); }), "`text` of it is to be text");
  EXPECT_EQ(first([](Fields* f) { f->Texts("list"); }), "`list` of it is to be a list of texts");
  EXPECT_EQ(first([](Fields* f) { f->TextMap("map"); }), "`map` of it is to be an object of texts");
  EXPECT_EQ(first([](Fields* f) { f->Flag("flag", 0); }), "`flag` of it is to be true or false");
  EXPECT_EQ(first([](Fields* f) { f->Number("number", 0); }),
            "`number` of it is to be a whole number");
  EXPECT_EQ(first([](Fields* f) { f->Number("big", 0); }), "`big` of it is to be a whole number");
  EXPECT_EQ(first([](Fields* f) { f->NeedPath("path"); }),
            "it needs a `path` with at least one segment");
  EXPECT_EQ(first([](Fields* f) { f->Choice("word", {"a", "b", "c"}, 0); }),
            "`word` of it is to be a, b or c");
  EXPECT_EQ(first([](Fields* f) { f->NeedText("absent"); }), "it needs `absent`");
}

TEST(Fields, RefusesWhatNobodyAskedFor) {
  const json object = {{"colour", "red"}};
  Fields fields(object, "it");
  fields.Text("color");
  EXPECT_EQ(MessageOf(fields.Check()), "it has no `colour`; it has `color`");
  const json list = json::array();
  EXPECT_EQ(MessageOf(Fields(list, "it").Check()), "it is to be a JSON object");
}

TEST(Fields, ParsesJson) {
  EXPECT_TRUE(ParseJson("", "it")->is_object());
  EXPECT_EQ(MessageOf(ParseJson("{", "it").status()), "it is not JSON");
  EXPECT_FALSE(ParseJson("\xff", "it").ok());
}

}  // namespace
}  // namespace firth::doors::flight
