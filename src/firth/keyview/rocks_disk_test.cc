// Goal: what RocksDB removes is removed as the store removes large files, and fails as RocksDB
// knows it.
#include "firth/keyview/rocks_disk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "firth/store/room_reclaimer.h"
#include "firth/store/testing_files.h"

namespace firth::keyview {
namespace {

class RocksDiskTest : public testing::Test {
 protected:
  std::string MakeFile(const std::string& name, uint64_t bytes) {
    std::string path = folder_.path() + "/" + name;
    std::ofstream(path).close();
    std::filesystem::resize_file(path, bytes);
    return path;
  }
  /// How many descriptors of this process stand for a removed file.
  static int Holders(const std::string& path) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code closed_meanwhile;
      const auto target = std::filesystem::read_symlink(entry.path(), closed_meanwhile).string();
      count += target == path + " (deleted)" ? 1 : 0;
    }
    return count;
  }

  const uint64_t step_bytes_ = store::RoomReclaimerOptions().step_bytes;
  store::TemporaryFolder folder_;
  std::shared_ptr<rocksdb::Env> env_ = MakeDiskEnv();
};

TEST_F(RocksDiskTest, TheRoomOfALargeFileWaitsForItsReaders) {
  for (const auto& [bytes, holders] : {std::pair{step_bytes_, 1}, {step_bytes_ + 1, 2}}) {
    const std::string path = MakeFile("f", bytes);
    std::unique_ptr<rocksdb::RandomAccessFile> reader;
    ASSERT_TRUE(env_->NewRandomAccessFile(path, &reader, rocksdb::EnvOptions()).ok());
    ASSERT_TRUE(env_->DeleteFile(path).ok());
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(Holders(path), holders);
    std::string last(1, '\0');
    rocksdb::Slice read;
    ASSERT_TRUE(reader->Read(bytes - 1, 1, &read, last.data()).ok());
    EXPECT_EQ(read.size(), 1U);
  }
}

TEST_F(RocksDiskTest, WhatIsNotThereIsSaidAsRocksDbSaysIt) {
  const std::string path = folder_.path() + "/absent";
  EXPECT_EQ(env_->DeleteFile(path).code(), rocksdb::Env::Default()->DeleteFile(path).code());
  EXPECT_FALSE(env_->DeleteFile(path).ok());
}

}  // namespace
}  // namespace firth::keyview
