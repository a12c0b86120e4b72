// Goal: a path can be spelled in any door's names and read back. Method: chosen cases, then every
// path of up to three segments over letters that escapes could confuse.
#include "firth/common/path.h"

#include <gtest/gtest.h>

#include <set>

namespace firth {
namespace {

bool Word(unsigned char c) {
  return std::isalnum(c) != 0 || c == '_' || c == '-';
}
bool WordAndDot(unsigned char c) {
  return Word(c) || c == '.';
}

TEST(PathTest, SpellsKnownPaths) {
  const NameRules rules{.allowed = Word};
  EXPECT_EQ(PathToNames(Path{{"d", "t"}}, 2, rules), (std::vector<std::string>{"d", "t"}));
  EXPECT_EQ(PathToNames(Path{{"t"}}, 2, rules), (std::vector<std::string>{"_", "t"}));
  EXPECT_EQ(PathToNames(Path{{"a", "b", "t"}}, 2, rules),
            (std::vector<std::string>{"a_x2F_b", "t"}));
  EXPECT_EQ(PathToNames(Path{{"a", "b", "t"}}, 2, {.allowed = WordAndDot, .joiner = '.'}),
            (std::vector<std::string>{"a.b", "t"}));
  EXPECT_EQ(PathToNames(Path{{"d", "t"}}, 3, rules), (std::vector<std::string>{"_", "d", "t"}));
  EXPECT_EQ(EscapeSegment("_", rules), "_x5F_");
  EXPECT_EQ(EscapeSegment("a b", rules), "a_x20_b");
  EXPECT_EQ(EscapeSegment("a_xb", rules), "a_x5F_xb");
}

TEST(PathTest, EveryPathComesBackAndNoTwoAreAlike) {
  const std::vector<std::string> segments = {"a",     "_",   "x",   "/",     ".",   "_x",
                                             "_x2F_", "a/x", "a.x", "_x2f_", "2F_", "é"};
  std::vector<Path> paths;
  for (const auto& a : segments) {
    paths.push_back(Path{{a}});
    for (const auto& b : segments) {
      paths.push_back(Path{{a, b}});
      for (const auto& c : segments) paths.push_back(Path{{a, b, c}});
    }
  }
  for (const NameRules& rules :
       {NameRules{.allowed = Word}, NameRules{.allowed = WordAndDot, .joiner = '.'}}) {
    for (const size_t levels : {1u, 2u, 3u}) {
      std::set<std::vector<std::string>> spelled;
      for (const Path& path : paths) {
        const auto names = PathToNames(path, levels, rules);
        ASSERT_EQ(names.size(), levels);
        EXPECT_TRUE(spelled.insert(names).second) << path.ToString();
        const auto back = NamesToPath(names, rules);
        ASSERT_TRUE(back.ok()) << path.ToString() << ": " << back.status().ToString();
        EXPECT_EQ(back->segments, path.segments) << path.ToString();
      }
    }
  }
  for (const Path& path : paths) EXPECT_EQ(Path::Parse(path.ToString())->segments, path.segments);
}

TEST(PathTest, BadTextIsRefused) {
  for (const char* text : {"/a", "a//b", "a/", "a_xZZ_", "a_x2", "\xff"}) {
    EXPECT_EQ(ReasonOf(Path::Parse(text).status()), Reason::kInvalidName) << text;
  }
  EXPECT_TRUE(Path::Parse("")->empty());
}

TEST(PathTest, LongPathsHaveALimit) {
  std::string text = "a";
  for (int i = 1; i < 256; ++i) text += "/a";
  EXPECT_EQ(Path::Parse(text)->segments.size(), 256);
  EXPECT_EQ(ReasonOf(Path::Parse(text + "/a").status()), Reason::kInvalidName);
  EXPECT_TRUE(Path::Parse(std::string(2048, 'a')).ok());
  EXPECT_EQ(ReasonOf(Path::Parse(std::string(2049, 'a')).status()), Reason::kInvalidName);
}

}  // namespace
}  // namespace firth
