// What tests share: both file systems behind one parameter, a file to derive others from, and short
// ways to say what is expected of a Status.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/store/file_system.h"
#include "firth/store/memory_file_system.h"

#define EXPECT_OK(expression) EXPECT_TRUE(::firth::store::IsOk(expression))
#define ASSERT_OK(expression) ASSERT_TRUE(::firth::store::IsOk(expression))
#define EXPECT_REASON(expression, code, reason) \
  EXPECT_TRUE(::firth::store::HasReason(expression, code, reason))

namespace firth::store {

inline testing::AssertionResult IsOk(const Status& status) {
  return status.ok() ? testing::AssertionSuccess() : testing::AssertionFailure() << status;
}

inline testing::AssertionResult HasReason(const Status& status, Code code, Reason reason) {
  const bool has = CodeOf(status) == code && ReasonOf(status) == reason;
  return has ? testing::AssertionSuccess()
             : testing::AssertionFailure()
                   << status << " (code " << static_cast<int>(CodeOf(status)) << "), expected "
                   << ReasonName(reason) << " (code " << static_cast<int>(code) << ")";
}

/// Where tests put their files: in TEST_TMPDIR if that is set, else in memory, where a sync costs
/// nothing however busy the disk is.
inline std::filesystem::path TestingRoot() {
  const char* chosen = std::getenv("TEST_TMPDIR");
  if (chosen != nullptr) return std::filesystem::canonical(chosen);
  const std::filesystem::path memory = "/dev/shm";
  if (std::filesystem::is_directory(memory)) return memory;
  return std::filesystem::canonical(testing::TempDir());
}

/// An empty folder of the operating system that goes away with its owner.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::filesystem::path& below = TestingRoot())
      : path_(below / "firth_store_XXXXXX") {  // mkdtemp puts a name of its own there
    FIRTH_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs its tests with each file system, empty, in `files`.
class BothFileSystems : public testing::TestWithParam<const char*> {
 protected:
  BothFileSystems() {
    if (std::string_view(GetParam()) == "Local") {
      folder_ = std::make_unique<TemporaryFolder>();
      files = OpenLocalFileSystem(folder_->path()).ValueOrDie();
    } else {
      files = std::make_unique<MemoryFileSystem>();
    }
  }

 private:
  std::unique_ptr<TemporaryFolder> folder_;

 protected:
  std::unique_ptr<FileSystem> files;
};

#define FIRTH_TEST_ON_BOTH(fixture)                                            \
  INSTANTIATE_TEST_SUITE_P(Files, fixture, testing::Values("Memory", "Local"), \
                           [](const auto& tested) { return std::string(tested.param); })

/// A file that passes all calls on to `file`; tests derive theirs from it, with the calls changed
/// that they are about.
class PassingFile : public File {
 public:
  explicit PassingFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
    return file_->Write(position, parts);
  }
  Status Read(uint64_t position, std::span<std::byte> out) const override {
    return file_->Read(position, out);
  }
  Status Sync() override { return file_->Sync(); }
  Status Reserve(uint64_t bytes) override { return file_->Reserve(bytes); }
  Status Truncate(uint64_t bytes) override { return file_->Truncate(bytes); }
  Result<uint64_t> Size() const override { return file_->Size(); }
  const std::string& name() const override { return file_->name(); }

 private:
  const std::unique_ptr<File> file_;
};

/// Write `text` at `position`.
inline Status WriteText(File* file, uint64_t position, std::string_view text) {
  return file->Write(position, {AsBytes(text)});
}

/// The bytes [position, position + bytes).
inline Result<std::string> ReadText(const File& file, uint64_t position, size_t bytes) {
  std::string text(bytes, '?');
  ARROW_RETURN_NOT_OK(file.Read(position, std::as_writable_bytes(std::span(text))));
  return text;
}

/// All bytes of an open file.
inline Result<std::string> ReadAllText(const File& file) {
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, file.Size());
  return ReadText(file, 0, bytes);
}

/// All bytes of the file `path`.
inline Result<std::string> ReadAllText(FileSystem* files, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const auto file, files->Open(path));
  return ReadAllText(*file);
}

/// Make a file with this content, none of it durable.
inline Status MakeFile(FileSystem* files, const std::string& path, std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(const auto file, files->Create(path));
  return WriteText(file.get(), 0, text);
}

/// The names in a folder, of folders with a `/`, separated by blanks.
inline Result<std::string> Names(FileSystem* files, const std::string& folder) {
  ARROW_ASSIGN_OR_RAISE(const auto entries, files->List(folder));
  std::string names;
  for (const FileInfo& entry : entries) {
    names += (names.empty() ? "" : " ") + entry.name + (entry.is_folder ? "/" : "");
  }
  return names;
}

/// `bytes` of text that repeats only after a long while, so that no two sectors are alike.
inline std::string Pattern(size_t bytes, uint64_t seed) {
  std::string text(bytes, '\0');
  SeededRandom(seed).Fill(std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace firth::store
