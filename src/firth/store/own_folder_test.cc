// Goal: what is made for its owner is for nobody else, and what was there stays as it is. Method:
// real folders, whose modes are looked at.
#include "firth/store/own_folder.h"

#include <sys/stat.h>

#include <fstream>

#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

unsigned ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(stat(path.c_str(), &info), 0);
  return info.st_mode & 0777;
}

TEST(OwnFolder, IsForItsOwnerAlone) {
  const TemporaryFolder folder;
  for (const std::string name : {"a", "b/c", "d/", "e/f/"}) {
    EXPECT_OK(MakeOwnFolder(folder.path() + "/" + name));
    EXPECT_EQ(ModeOf(folder.path() + "/" + name), 0700) << name;
  }
}

TEST(OwnFolder, OneThatIsThereStaysAsItIs) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/shared";
  ASSERT_EQ(mkdir(path.c_str(), 0750), 0);
  EXPECT_OK(MakeOwnFolder(path));
  EXPECT_EQ(ModeOf(path), 0750);
}

TEST(OwnFolder, WhatCannotBeMadeIsNamed) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() + "/file") << "x";
  for (const std::string name : {"file", "file/below"}) {
    const Status status = MakeOwnFolder(folder.path() + "/" + name);
    EXPECT_REASON(status, Code::kUnavailable, Reason::kIo);
    EXPECT_EQ(MessageOf(status),
              "cannot make the folder '" + folder.path() + "/" + name + "': Not a directory");
  }
  EXPECT_REASON(MakeOwnFolder(""), Code::kNotFound, Reason::kFileMissing);
}

}  // namespace
}  // namespace firth::store
