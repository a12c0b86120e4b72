// Goal: keys and files stand for each other, and no key leaves its folder.
#include "firth/store/object_key.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "firth/common/text.h"
#include "firth/store/file_path.h"
#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

TEST(ObjectKey, IsWrittenPlainlyWherePossible) {
  EXPECT_EQ(ObjectPath("base_7-A"), "base_7-A");
  EXPECT_EQ(ObjectPath("a/b.c"), "a%2fb%2ec");
  EXPECT_EQ(ObjectPath(".."), "%2e%2e");
  EXPECT_EQ(ObjectPath("é~+%"), "%c3%a9%7e%2b%25");
}

TEST(ObjectKey, ThatIsLongGoesIntoFolders) {
  const std::string piece(200, 'a');
  EXPECT_EQ(ObjectPath(piece), piece);
  EXPECT_EQ(ObjectPath(piece + "b"), piece + "+/b");
  EXPECT_EQ(ObjectPath(std::string(199, 'a') + "/b"), std::string(199, 'a') + "%+/2fb");
}

TEST(ObjectKey, IsRefusedIfNoServiceWouldTakeIt) {
  EXPECT_OK(CheckObjectKey(std::string(1024, 'a')));
  for (const std::string& key : {std::string(), std::string(1025, 'a'), std::string("\xff")}) {
    EXPECT_REASON(CheckObjectKey(key), Code::kInvalidArgument, Reason::kInvalidName);
  }
}

TEST(ObjectKey, IsNotReadFromForeignNames) {
  for (const char* path : {"", "a~", "a%2", "a%2F", "a%zz", "a%61", "a b", "a/b", "a+/b", "%ff",
                           "lost+found", ".hidden"}) {
    EXPECT_EQ(ObjectKeyOf(path), std::nullopt) << path;
  }
}

RC_GTEST_PROP(ObjectKeyProperty, RoundTrips, ()) {
  const auto repeats = *rc::gen::inRange<size_t>(1, 40);
  const auto text = *rc::gen::nonEmpty(rc::gen::container<std::string>(
      rc::gen::oneOf(rc::gen::inRange<char>(0, 127), rc::gen::element('/', '.', '%', '+', '~'))));
  std::string key;
  for (size_t i = 0; i < repeats; ++i) key += text + (i % 2 == 0 ? "ü" : "");
  key.resize(std::min<size_t>(key.size(), kObjectKeyBytesMax));
  RC_PRE(IsUtf8(key));
  const std::string path = ObjectPath(key);
  RC_ASSERT(ObjectKeyOf(path) == key);
  RC_ASSERT(CheckFilePath("folder/" + path + kTemporarySuffix).ok());
}

}  // namespace
}  // namespace firth::store
