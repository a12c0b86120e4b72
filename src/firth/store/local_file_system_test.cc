// Goal: what only the operating system's files have: the lock, its errors, partial system calls.
// Method: real causes where there are any without privileges: /dev/full for a full disk and a file
// that cannot be synced, a limit on the size of files for a write that the kernel cuts short.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include "firth/store/file_error.h"
#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

class LocalFiles : public testing::Test {
 protected:
  LocalFiles() : files(OpenLocalFileSystem(folder.path()).ValueOrDie()) {}

  /// Let a name in the folder stand for a file elsewhere.
  void Link(const std::string& target, const std::string& name) {
    std::filesystem::create_symlink(target, folder.path() + "/" + name);
  }

  TemporaryFolder folder;
  std::unique_ptr<FileSystem> files;
};

TEST(FileErrors, ASyncThatFindsNoRoomIsNoCleanRefusal) {
  EXPECT_EQ(ReasonOf(FileError(ENOSPC, "write", "f")), Reason::kDiskFull);
  EXPECT_EQ(ReasonOf(SyncError(ENOSPC, "f")), Reason::kIo);
  EXPECT_EQ(MessageOf(SyncError(ENOSPC, "f")), "cannot sync 'f': No space left on device");
}

TEST_F(LocalFiles, ASecondOwnerIsRefusedAndToldTheFirst) {
  const Status status = OpenLocalFileSystem(folder.path()).status();
  EXPECT_REASON(status, Code::kFailedPrecondition, Reason::kFolderInUse);
  EXPECT_EQ(MessageOf(status), "another process with pid " + std::to_string(getpid()) +
                                   " uses the folder '" + folder.path() +
                                   "'; stop it, or choose another folder");
}

TEST_F(LocalFiles, ALockWithoutAPidIsRefusedAllTheSame) {
  std::filesystem::resize_file(folder.path() + "/LOCK", 0);
  const Status status = OpenLocalFileSystem(folder.path()).status();
  EXPECT_REASON(status, Code::kFailedPrecondition, Reason::kFolderInUse);
  EXPECT_NE(MessageOf(status).find("another process uses the folder"), std::string::npos) << status;
}

TEST_F(LocalFiles, TheLockEndsWithItsOwner) {
  ASSERT_OK(MakeFile(files.get(), "a", "kept"));
  files.reset();
  files = OpenLocalFileSystem(folder.path()).ValueOrDie();
  EXPECT_EQ(*ReadAllText(files.get(), "a"), "kept");
}

TEST_F(LocalFiles, TheLockHoldsAgainstAnotherProcess) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Status status = OpenLocalFileSystem(folder.path()).status();
    _exit(ReasonOf(status) == Reason::kFolderInUse ? 7 : 1);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(WEXITSTATUS(result), 7);
}

TEST_F(LocalFiles, AStalePidIsReplaced) {
  files.reset();
  {
    const auto lock = std::unique_ptr<FILE, int (*)(FILE*)>(
        fopen((folder.path() + "/LOCK").c_str(), "w"), fclose);
    fputs("99999999999 and more\n", lock.get());
  }
  files = OpenLocalFileSystem(folder.path()).ValueOrDie();
  std::string text;
  std::getline(std::ifstream(folder.path() + "/LOCK"), text, '\0');
  EXPECT_EQ(text, std::to_string(getpid()) + "\n");
}

TEST(LocalFileSystem, NeedsAnExistingFolder) {
  const TemporaryFolder folder;
  EXPECT_REASON(OpenLocalFileSystem(folder.path() + "/none").status(), Code::kNotFound,
                Reason::kFileMissing);
  EXPECT_REASON(OpenLocalFileSystem("/dev/null").status(), Code::kUnavailable, Reason::kIo);
}

TEST_F(LocalFiles, TheLockIsNotListed) {
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/LOCK"));
  EXPECT_EQ(*Names(files.get(), ""), "");
}

TEST_F(LocalFiles, AFullDiskIsTold) {
  Link("/dev/full", "full");
  const auto file = files->Open("full").ValueOrDie();
  const Status status = WriteText(file.get(), 0, "x");
  EXPECT_REASON(status, Code::kResourceExhausted, Reason::kDiskFull);
  EXPECT_EQ(MessageOf(status), "cannot write 'full': No space left on device");
}

TEST_F(LocalFiles, AFailedSyncIsToldAndNotTriedAgain) {
  Link("/dev/full", "full");
  const auto file = files->Open("full").ValueOrDie();
  const Status first = file->Sync();
  EXPECT_REASON(first, Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(MessageOf(first), "cannot sync 'full': Invalid argument");
  const Status second = file->Sync();
  EXPECT_REASON(second, Code::kUnavailable, Reason::kIo);
  EXPECT_NE(MessageOf(second).find("an earlier sync failed"), std::string::npos) << second;
}

TEST_F(LocalFiles, ANameThatPointsNowhereIsNotListed) {
  Link("nowhere", "dangling");
  Link("/dev/full", "full");
  EXPECT_EQ(*Names(files.get(), ""), "full");
}

TEST_F(LocalFiles, EveryDescriptorIsClosedOnExec) {
  ASSERT_OK(files->MakeFolder("f"));
  const auto created = files->Create("f/a").ValueOrDie();
  const auto opened = files->Open("f/a").ValueOrDie();
  int ours = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (gone || !target.string().starts_with(folder.path())) continue;
    ++ours;
    EXPECT_TRUE(fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC) << target;
  }
  EXPECT_EQ(ours, 4);  // the root, the lock, and the file twice
}

TEST_F(LocalFiles, DescriptorsAreGivenBack) {
  const auto count = [] {
    const std::filesystem::directory_iterator open_files("/proc/self/fd");
    return std::distance(begin(open_files), end(open_files));
  };
  ASSERT_OK(MakeFile(files.get(), "a", "x"));
  const auto before = count();
  EXPECT_OK(ReadAllText(files.get(), "a").status());
  EXPECT_OK(files->List("").status());
  EXPECT_OK(files->SyncFolder(""));
  EXPECT_FALSE(files->Create("a").ok());
  EXPECT_FALSE(OpenLocalFileSystem(folder.path()).ok());
  EXPECT_EQ(count(), before);
}

TEST_F(LocalFiles, OnlyTheOwnerMayLook) {
  ASSERT_OK(files->MakeFolder("f"));
  ASSERT_OK(MakeFile(files.get(), "f/a", "x"));
  struct stat info;
  ASSERT_EQ(stat((folder.path() + "/f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0077, 0u);
  ASSERT_EQ(stat((folder.path() + "/f/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0077, 0u);
}

TEST_F(LocalFiles, ReservedRoomIsAllocated) {
  const auto file = files->Create("a").ValueOrDie();
  ASSERT_OK(file->Truncate(1 << 20));
  struct stat info;
  ASSERT_EQ(stat((folder.path() + "/a").c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
  ASSERT_OK(file->Reserve(1 << 20));
  ASSERT_EQ(stat((folder.path() + "/a").c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, 1 << 20);
}

/// While it lives, no file of this process may grow beyond `bytes`: the kernel writes up to there
/// and fails the rest.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*const handler_)(int);
  rlimit before_{};
};

TEST_F(LocalFiles, AWriteThatIsCutShortGoesOnUntilItFails) {
  const auto file = files->Create("a").ValueOrDie();
  Status status;
  {
    const FileSizeLimit limit(1000);
    status = file->Write(0, {AsBytes(std::string(900, 'a')), AsBytes(std::string(900, 'b'))});
  }
  EXPECT_REASON(status, Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(MessageOf(status), "cannot write 'a': File too large");
  EXPECT_EQ(*ReadAllText(*file), std::string(900, 'a') + std::string(100, 'b'));
}

TEST_F(LocalFiles, AFailedReservationLeavesTheLengthAsItWas) {
  const auto file = files->Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, "abc"));
  Status status;
  {
    const FileSizeLimit limit(1000);
    status = file->Reserve(2000);
  }
  EXPECT_REASON(status, Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(*ReadAllText(*file), "abc");
}

}  // namespace
}  // namespace firth::store
