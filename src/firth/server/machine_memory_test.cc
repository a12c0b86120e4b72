#include "firth/server/machine_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace firth::server {
namespace {

class MachineMemoryTest : public ::testing::Test {
 protected:
  MachineMemoryTest() { std::filesystem::remove_all(root_); }
  ~MachineMemoryTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = root_ + file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  const std::string root_ = ::testing::TempDir() + "/firth-machine-memory-" +
                            std::to_string(reinterpret_cast<uintptr_t>(this));
};

TEST_F(MachineMemoryTest, TheSmallestOfAllLimitsCounts) {
  const uint64_t all = MachineMemoryBytes(root_);
  EXPECT_GT(all, uint64_t{1} << 28);
  Write("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(MachineMemoryBytes(root_), all);
  Write("/proc/self/cgroup", "1:name=systemd:/x\n0::/a/b\n");
  EXPECT_EQ(MachineMemoryBytes(root_), all);
  Write("/sys/fs/cgroup/a/memory.max", "200000000\n");
  Write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(MachineMemoryBytes(root_), 200000000u);
  Write("/sys/fs/cgroup/a/b/memory.max", "150000000\n");
  EXPECT_EQ(MachineMemoryBytes(root_), 150000000u);
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "100000000\n");
  EXPECT_EQ(MachineMemoryBytes(root_), 100000000u);
  Write("/sys/fs/cgroup/memory.max", "90000000\n");
  EXPECT_EQ(MachineMemoryBytes(root_), 90000000u);
  Write("/sys/fs/cgroup/memory.max", "no number\n");
  EXPECT_EQ(MachineMemoryBytes(root_), 100000000u);
}

TEST_F(MachineMemoryTest, KeyedTablesTakeAnEighth) {
  EXPECT_EQ(UsualKeyMemoryBytes(uint64_t{1} << 30), uint64_t{512} << 20);
  EXPECT_EQ(UsualKeyMemoryBytes(uint64_t{32} << 30), uint64_t{4} << 30);
}

}  // namespace
}  // namespace firth::server
