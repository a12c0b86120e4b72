// Goal: the room of removed files comes back in steps, and nobody who still has such a file, by a
// descriptor or by another name, loses a byte of it.
// Method: what is done instead of each pause looks at the files without opening them, since an open
// file is one that somebody has.
#include "firth/store/room_reclaimer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kStep = 4096;
constexpr milliseconds kPause{1};
constexpr milliseconds kLookAgain{2};

/// How often each pause was asked for, and what a file's size was meanwhile.
class Pauses {
 public:
  /// Called by the reclaimer's thread.
  void Add(milliseconds pause) {
    std::this_thread::yield();  // whoever looks at what is counted gets on, too
    std::lock_guard lock(mutex_);
    ++counts_[pause];
    struct stat info;
    if (watched_.has_value() && fstat(*watched_, &info) == 0) sizes_.push_back(info.st_size);
    changed_.notify_all();
  }
  /// Note, in each pause, the size of what this descriptor of our process stands for.
  void Watch(int fd) {
    std::lock_guard lock(mutex_);
    watched_ = fd;
  }
  void WaitFor(milliseconds pause, size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return counts_[pause] >= count; });
  }
  size_t Count(milliseconds pause) {
    std::lock_guard lock(mutex_);
    return counts_[pause];
  }
  std::vector<off_t> sizes() {
    std::lock_guard lock(mutex_);
    return sizes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<milliseconds, size_t> counts_;
  std::optional<int> watched_;
  std::vector<off_t> sizes_;
};

class RoomReclaimerTest : public testing::Test {
 protected:
  std::string MakeFile(const std::string& name, uint64_t bytes) {
    std::ofstream(PathOf(name)) << std::string(bytes, 'x');
    return PathOf(name);
  }
  std::string PathOf(const std::string& name) const { return folder_.path() + "/" + name; }
  static Descriptor OpenFile(const std::string& path, int flags = O_RDWR) {
    Descriptor opened;
    EXPECT_EQ(OpenAt(AT_FDCWD, path.c_str(), flags, &opened), 0);
    return opened;
  }
  std::unique_ptr<RoomReclaimer> Begin(uint64_t scarce_bytes = 0) {
    return std::make_unique<RoomReclaimer>(RoomReclaimerOptions{
        .step_bytes = kStep,
        .pause = kPause,
        .look_again = kLookAgain,
        .scarce_bytes = scarce_bytes,
        .instead_of_pause = [this](milliseconds pause) { pauses_.Add(pause); }});
  }
  /// Wait until no descriptor of this process stands for a removed file of the folder.
  void WaitUntilGone() const {
    const auto is_gone = [this] {
      for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code closed_meanwhile;
        const auto target = std::filesystem::read_symlink(entry.path(), closed_meanwhile).string();
        if (target.starts_with(folder_.path()) && target.ends_with("(deleted)")) return false;
      }
      return true;
    };
    while (!is_gone()) std::this_thread::yield();
  }

  TemporaryFolder folder_;
  Pauses pauses_;
};

TEST_F(RoomReclaimerTest, OnlyLargeFilesAreTaken) {
  const auto reclaimer = Begin();
  MakeFile("small", kStep);
  std::filesystem::create_symlink(MakeFile("large", kStep + 1), PathOf("link"));
  const auto is_taken = [&](const std::string& name) {
    return reclaimer->OpenIfLarge(AT_FDCWD, PathOf(name).c_str()).valid();
  };
  EXPECT_TRUE(is_taken("large"));
  EXPECT_FALSE(is_taken("small"));
  EXPECT_FALSE(is_taken("link"));
  EXPECT_FALSE(is_taken("absent"));
  EXPECT_FALSE(is_taken(""));  // the folder
}

TEST_F(RoomReclaimerTest, ARemovedFileShrinksStepByStep) {
  const std::string path = MakeFile("f", 3 * kStep + 1);
  Descriptor file = OpenFile(path);
  ASSERT_EQ(unlink(path.c_str()), 0);
  pauses_.Watch(file.get());  // the reclaimer's own: it stays at the same number
  const auto reclaimer = Begin();
  reclaimer->Take(std::move(file));
  WaitUntilGone();
  EXPECT_EQ(pauses_.sizes(), (std::vector<off_t>{2 * kStep + 1, kStep + 1, 1}));
  EXPECT_EQ(pauses_.Count(kPause), 3U);
}

TEST_F(RoomReclaimerTest, WhoHasAFileOpenKeepsAllOfIt) {
  for (const int flags : {O_RDONLY, O_RDWR}) {
    const std::string path = MakeFile("f", 3 * kStep);
    Descriptor file = OpenFile(path);
    Descriptor reader = OpenFile(path, flags);
    ASSERT_EQ(unlink(path.c_str()), 0);
    const auto reclaimer = Begin();
    const size_t steps_before = pauses_.Count(kPause);
    const size_t looks_before = pauses_.Count(kLookAgain);
    reclaimer->Take(std::move(file));
    pauses_.WaitFor(kLookAgain, looks_before + 3);
    std::string content(3 * kStep, '\0');
    size_t read = 0;
    ASSERT_EQ(ReadAll(reader.get(), 0, std::as_writable_bytes(std::span(content)), &read), 0);
    EXPECT_EQ(content, std::string(3 * kStep, 'x'));
    reader = Descriptor();
    WaitUntilGone();
    EXPECT_EQ(pauses_.Count(kPause), steps_before + 2);
  }
}

TEST_F(RoomReclaimerTest, AFileThatIsHeldForLongIsLeftToItsHolder) {
  const std::string path = MakeFile("f", 3 * kStep);
  Descriptor file = OpenFile(path);
  const int taken = file.get();
  const Descriptor reader = OpenFile(path);
  ASSERT_EQ(unlink(path.c_str()), 0);
  const auto reclaimer = Begin();
  reclaimer->Take(std::move(file));
  const int looks_max = RoomReclaimerOptions().looks_max;
  while (fcntl(taken, F_GETFD) >= 0) std::this_thread::yield();
  EXPECT_EQ(pauses_.Count(kLookAgain), static_cast<size_t>(looks_max));
  struct stat info;
  ASSERT_EQ(fstat(reader.get(), &info), 0);
  EXPECT_EQ(info.st_size, 3 * kStep);
}

TEST_F(RoomReclaimerTest, AFileThatIsHeldDoesNotHoldUpOthers) {
  const std::string held = MakeFile("held", 2 * kStep);
  const std::string free = MakeFile("free", 4 * kStep);
  Descriptor first = OpenFile(held);
  Descriptor second = OpenFile(free);
  const Descriptor reader = OpenFile(held);
  ASSERT_EQ(unlink(held.c_str()), 0);
  ASSERT_EQ(unlink(free.c_str()), 0);
  const auto reclaimer = Begin();
  reclaimer->Take(std::move(first));
  reclaimer->Take(std::move(second));
  pauses_.WaitFor(kPause, 3);
  struct stat info;
  ASSERT_EQ(fstat(reader.get(), &info), 0);
  EXPECT_EQ(info.st_size, 2 * kStep);
}

TEST_F(RoomReclaimerTest, AFileWithAnotherNameStaysWhole) {
  const std::string path = MakeFile("f", 3 * kStep);
  Descriptor file = OpenFile(path);
  std::filesystem::create_hard_link(path, PathOf("elsewhere"));
  ASSERT_EQ(unlink(path.c_str()), 0);
  const auto reclaimer = Begin();
  reclaimer->Take(std::move(file));
  WaitUntilGone();
  EXPECT_EQ(std::filesystem::file_size(PathOf("elsewhere")), 3 * kStep);
}

TEST_F(RoomReclaimerTest, WhereRoomIsScarceNothingWaits) {
  const std::string path = MakeFile("f", 5 * kStep);
  Descriptor file = OpenFile(path);
  ASSERT_EQ(unlink(path.c_str()), 0);
  const auto reclaimer = Begin(/*scarce_bytes=*/UINT64_MAX);
  reclaimer->Take(std::move(file));
  WaitUntilGone();
  EXPECT_EQ(pauses_.Count(kPause), 0U);
}

TEST_F(RoomReclaimerTest, ItsEndWaitsForNobody) {
  const std::string path = MakeFile("f", 3 * kStep);
  Descriptor file = OpenFile(path);
  const Descriptor reader = OpenFile(path);
  ASSERT_EQ(unlink(path.c_str()), 0);
  {
    RoomReclaimer reclaimer({.step_bytes = kStep, .look_again = std::chrono::hours(1)});
    reclaimer.Take(std::move(file));
  }
  struct stat info;
  ASSERT_EQ(fstat(reader.get(), &info), 0);
  EXPECT_EQ(info.st_size, 3 * kStep);
}

TEST_F(RoomReclaimerTest, AFileSystemHandsItWhatItRemoves) {
  const auto files = OpenLocalFileSystem(folder_.path()).ValueOrDie();
  const uint64_t bytes = 2 * RoomReclaimerOptions().step_bytes;
  const auto made = files->Create("f").ValueOrDie();
  ASSERT_OK(made->Truncate(bytes));
  ASSERT_OK(files->Remove("f"));
  EXPECT_FALSE(files->Exists("f").ValueOrDie());
  // Somebody else's descriptor is on the removed file now: ours, and the one that waits.
  const auto descriptors = [this] {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code closed_meanwhile;
      const auto target = std::filesystem::read_symlink(entry.path(), closed_meanwhile).string();
      count += target == PathOf("f") + " (deleted)" ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(descriptors(), 2U);
  EXPECT_EQ(made->Size().ValueOrDie(), bytes);
}

}  // namespace
}  // namespace firth::store
