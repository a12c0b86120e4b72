// Goal: a disk that is full or does not answer gives that error and loses nothing that was there.
// Method: files in memory behind an environment that fails on command.
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>

#include "firth/keyview/rocks_key_view.h"
#include "firth/keyview/testing_keyview.h"

namespace firth::keyview {
namespace {

using rocksdb::EnvOptions;

constexpr LogId kLog{1};

/// Its switches may be turned at any time.
class FailingEnv final : public rocksdb::EnvWrapper {
 public:
  FailingEnv() : FailingEnv(rocksdb::NewMemEnv(rocksdb::Env::Default())) {}

  std::atomic<bool> full{false};
  std::atomic<bool> unreadable{false};
  std::atomic<bool> unlistable{false};
  /// Writing to files waits until it is let go.
  void Hold() {
    std::lock_guard lock(mutex_);
    held_ = true;
  }
  void LetGo() {
    std::lock_guard lock(mutex_);
    held_ = false;
    let_go_.notify_all();
  }

  const char* Name() const override { return "FailingEnv"; }

  rocksdb::Status NewWritableFile(const std::string& path,
                                  std::unique_ptr<rocksdb::WritableFile>* file,
                                  const EnvOptions& options) override {
    if (full) return rocksdb::Status::NoSpace("the disk is full: " + path);
    {
      std::unique_lock lock(mutex_);
      let_go_.wait(lock, [this] { return !held_; });
    }
    return target()->NewWritableFile(path, file, options);
  }
  rocksdb::Status NewSequentialFile(const std::string& path,
                                    std::unique_ptr<rocksdb::SequentialFile>* file,
                                    const EnvOptions& options) override {
    if (unreadable) return rocksdb::Status::IOError("no answer: " + path);
    return target()->NewSequentialFile(path, file, options);
  }
  rocksdb::Status NewRandomAccessFile(const std::string& path,
                                      std::unique_ptr<rocksdb::RandomAccessFile>* file,
                                      const EnvOptions& options) override {
    const rocksdb::Status status = target()->NewRandomAccessFile(path, file, options);
    if (status.ok()) *file = std::make_unique<FailingFile>(this, std::move(*file));
    return status;
  }
  rocksdb::Status GetChildren(const std::string& path, std::vector<std::string>* names) override {
    if (unlistable) return rocksdb::Status::IOError("no answer: " + path);
    return target()->GetChildren(path, names);
  }

 private:
  class FailingFile final : public rocksdb::RandomAccessFile {
   public:
    FailingFile(const FailingEnv* env, std::unique_ptr<rocksdb::RandomAccessFile> file)
        : env_(env), file_(std::move(file)) {}
    rocksdb::Status Read(uint64_t offset, size_t bytes, rocksdb::Slice* result,
                         char* scratch) const override {
      if (env_->unreadable) return rocksdb::Status::IOError("no answer");
      return file_->Read(offset, bytes, result, scratch);
    }

   private:
    const FailingEnv* const env_;
    const std::unique_ptr<rocksdb::RandomAccessFile> file_;
  };

  explicit FailingEnv(rocksdb::Env* memory) : EnvWrapper(memory), memory_(memory) {}

  const std::unique_ptr<rocksdb::Env> memory_;
  std::mutex mutex_;
  std::condition_variable let_go_;
  bool held_ = false;  // guarded by mutex_
};

class KeyViewFaultTest : public testing::Test {
 protected:
  std::unique_ptr<KeyView> Open() { return TryOpen().ValueOrDie(); }
  Result<std::unique_ptr<KeyView>> TryOpen() {
    return RocksKeyView::OpenAt(
        {.env = env_, .folder = "/view"},
        {.unwritten_bytes = 512, .cache_bytes = 1 << 10, .memtable_bytes = 1 << 10});
  }
  static std::vector<Change> Changes(const std::string& key, int64_t commit, size_t bytes = 1) {
    return {
        {.key = key, .row = Row{.value = std::string(2 + bytes, 'v'), .commit = CommitId(commit)}}};
  }
  static bool Holds(KeyView* view, const std::string& key) {
    return view->Get(kLog, {key}).ValueOrDie()[0].has_value();
  }

  const std::shared_ptr<FailingEnv> env_ = std::make_shared<FailingEnv>();
};

TEST_F(KeyViewFaultTest, ADiskThatIsBehindSlowsTheWriter) {
  constexpr uint64_t kMemtables = uint64_t{256} << 10;
  constexpr size_t kRow = 10'000;
  constexpr int64_t kRows = 200;
  auto view =
      RocksKeyView::OpenAt({.env = env_, .folder = "/slow", .to_disk = true},
                           {.unwritten_bytes = kMemtables / 2, .memtable_bytes = kMemtables})
          .ValueOrDie();
  env_->Hold();
  std::atomic<int64_t> put{0};
  const auto writer = std::async(std::launch::async, [&] {
    for (int64_t i = 1; i <= kRows; ++i) {
      ASSERT_OK(view->Apply(kLog, Changes("key" + std::to_string(i), i, kRow), CommitId(i)));
      put = i;
    }
  });
  // It gets as far as memory allows: what may wait twice in front, and once being written.
  EXPECT_EQ(writer.wait_for(std::chrono::milliseconds(500)), std::future_status::timeout);
  const int64_t stopped_at = put;
  EXPECT_GT(stopped_at, 10);
  EXPECT_LT(stopped_at, kRows);
  EXPECT_LT(view->UnwrittenBytes(), 4 * kMemtables);
  EXPECT_GT(view->UnwrittenBytes(), static_cast<uint64_t>(stopped_at) * kRow * 9 / 10);
  EXPECT_TRUE(Holds(view.get(), "key" + std::to_string(stopped_at)));
  env_->LetGo();
  writer.wait();
  EXPECT_EQ(put, kRows);
  EXPECT_EQ(view->watermark(), CommitId(kRows));
  ASSERT_OK(view->Export([](const std::vector<ViewFile>&) { return Status::OK(); }));
  EXPECT_LT(view->UnwrittenBytes(), kMemtables);
}

TEST_F(KeyViewFaultTest, AFullDiskIsToldToTheWriterAndReadersGoOn) {
  auto view = Open();
  ASSERT_OK(view->Apply(kLog, Changes("first", 1), CommitId(1)));
  env_->full = true;
  // Memory takes what fits; then the writer waits for a file, which fails.
  Status applied;
  int64_t commit = 1;
  while (applied.ok() && commit < 1000) {
    ++commit;
    applied = view->Apply(kLog, Changes("key" + std::to_string(commit), commit, 10'000),
                          CommitId(commit));
  }
  EXPECT_REASON(applied, Code::kResourceExhausted, Reason::kDiskFull);
  EXPECT_EQ(view->watermark(), CommitId(commit - 1));
  EXPECT_TRUE(Holds(view.get(), "first"));
  EXPECT_FALSE(Holds(view.get(), "key" + std::to_string(commit)));
  // A drop needs no room.
  ASSERT_OK(view->Drop(LogId(2)));
  // A reset that cannot be made leaves the view as it is.
  EXPECT_REASON(view->Reset(), Code::kResourceExhausted, Reason::kDiskFull);
  EXPECT_TRUE(Holds(view.get(), "first"));
  env_->full = false;
  ASSERT_OK(view->Reset());
  EXPECT_FALSE(Holds(view.get(), "first"));
  ASSERT_OK(view->Apply(kLog, Changes("again", 1), CommitId(1)));
  view.reset();
  view = Open();
  EXPECT_TRUE(Holds(view.get(), "again"));
  EXPECT_EQ(view->watermark(), CommitId(1));
}

TEST_F(KeyViewFaultTest, ADiskThatDoesNotAnswerIsNoReasonToBeginAnew) {
  ASSERT_OK(Open()->Apply(kLog, Changes("a", 1), CommitId(1)));
  env_->unreadable = true;
  EXPECT_REASON(TryOpen().status(), Code::kUnavailable, Reason::kIo);
  env_->unreadable = false;
  env_->unlistable = true;
  EXPECT_REASON(TryOpen().status(), Code::kUnavailable, Reason::kIo);
  env_->unlistable = false;
  const auto view = Open();
  EXPECT_EQ(view->watermark(), CommitId(1));
  EXPECT_TRUE(Holds(view.get(), "a"));
}

TEST_F(KeyViewFaultTest, ReadersAreToldThatTheDiskDoesNotAnswer) {
  {
    const auto view = Open();
    for (int64_t commit = 1; commit <= 50; ++commit) {
      ASSERT_OK(view->Apply(kLog, Changes("key" + std::to_string(commit), commit, 10'000),
                            CommitId(commit)));
    }
  }
  const auto view = Open();
  env_->unreadable = true;
  EXPECT_REASON(view->Get(kLog, {"key7"}).status(), Code::kUnavailable, Reason::kIo);
  for (const bool backwards : {false, true}) {
    const auto cursor = view->Scan(kLog, "", "", backwards).ValueOrDie();
    while (cursor->Valid()) cursor->Next();
    EXPECT_REASON(cursor->status(), Code::kUnavailable, Reason::kIo);
  }
  env_->unreadable = false;
  EXPECT_TRUE(Holds(view.get(), "key7"));
}

TEST_F(KeyViewFaultTest, AViewThatCannotBeginSaysSo) {
  env_->full = true;
  EXPECT_REASON(TryOpen().status(), Code::kResourceExhausted, Reason::kDiskFull);
  env_->full = false;
  EXPECT_EQ(Open()->watermark(), CommitId(0));
}

}  // namespace
}  // namespace firth::keyview
