// What this room's tests share: short ways to say what is expected of a Status, and a folder.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "firth/common/status.h"

#define EXPECT_OK(expression)               \
  do {                                      \
    const ::firth::Status got_(expression); \
    EXPECT_TRUE(got_.ok()) << got_;         \
  } while (false)
#define ASSERT_OK(expression)               \
  do {                                      \
    const ::firth::Status got_(expression); \
    ASSERT_TRUE(got_.ok()) << got_;         \
  } while (false)
#define EXPECT_REASON(expression, code, reason)         \
  do {                                                  \
    const ::firth::Status got_(expression);             \
    EXPECT_EQ(::firth::CodeOf(got_), code) << got_;     \
    EXPECT_EQ(::firth::ReasonOf(got_), reason) << got_; \
  } while (false)

namespace firth::keyview {

/// An empty folder of the operating system that goes away with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(std::filesystem::canonical(testing::TempDir()) / "firth_keys_XXXXXX") {
    FIRTH_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace firth::keyview
