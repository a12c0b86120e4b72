// Goal: a key view whose working files are lost is made again from its base, or not at all; a crash
// while a base is made leaves a whole one. Method: views in folders of the operating system and in
// memory, with the store's own file systems around them.
#include "firth/keyview/key_bases.h"

#include <fstream>

#include "firth/common/clock.h"
#include "firth/keyview/testing_keyview.h"
#include "firth/store/memory_file_system.h"

namespace firth::keyview {
namespace {

constexpr LogId kLog(7);

Change Put(const std::string& key, const std::string& value) {
  return {.key = key, .row = Row{.value = std::string("\1\0", 2) + value, .commit = CommitId(1)}};
}

/// A view with its bases, in memory or on disk.
class KeyBasesTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      os_root_ = folder_.path() + "/data";
      std::filesystem::create_directories(os_root_);
      files_ = store::OpenLocalFileSystem(os_root_).ValueOrDie();
    } else {
      files_ = std::make_unique<store::MemoryFileSystem>();
    }
    catalog_ = catalog::Catalog::Open({.files = files_.get(), .clock = &clock_}).ValueOrDie();
    Open();
  }
  void Open() {
    view_.reset();
    bases_ = KeyBases::Open({.files = files_.get(), .catalog = catalog_.get(), .os_root = os_root_})
                 .ValueOrDie();
    view_ =
        KeyView::Open({.folder = GetParam() ? os_root_ + "/keyview" : "", .bases = bases_.get()})
            .ValueOrDie();
  }
  /// Working files are gone, as they always are in memory.
  void Lose() {
    view_.reset();
    if (GetParam()) std::filesystem::remove_all(os_root_ + "/keyview");
    Open();
  }
  std::string Get(const std::string& key) {
    const auto rows = view_->Get(kLog, {key}).ValueOrDie();
    return rows[0].has_value() ? rows[0]->value.substr(2) : "-";
  }
  std::vector<std::string> Stored() {
    std::vector<std::string> names;
    for (const auto& file : files_->List("keybase").ValueOrDie()) names.push_back(file.name);
    return names;
  }
  /// Change one byte in the middle of each stored file of rows.
  void FlipBytes() {
    for (const std::string& name : Stored()) {
      if (name.find(".sst") == std::string::npos) continue;
      const auto file = files_->Open("keybase/" + name).ValueOrDie();
      std::byte byte;
      ASSERT_OK(file->Read(20, {&byte, 1}));
      byte ^= std::byte{1};
      ASSERT_OK(file->Write(20, {Bytes(&byte, 1)}));
      ASSERT_OK(file->Sync());
    }
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  std::string os_root_;
  std::unique_ptr<store::FileSystem> files_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<KeyBases> bases_;
  std::unique_ptr<KeyView> view_;
};

TEST_P(KeyBasesTest, LostViewIsMadeAgainFromItsBase) {
  EXPECT_EQ(bases_->commit(), CommitId(0));
  ASSERT_OK(view_->Apply(kLog, {Put("a", "1"), Put("b", "2")}, CommitId(5)));
  ASSERT_OK(bases_->Cut(view_.get()));
  EXPECT_EQ(bases_->commit(), CommitId(5));
  ASSERT_OK(view_->Apply(kLog, {Put("c", "3")}, CommitId(6)));
  Lose();
  EXPECT_EQ(view_->watermark(), CommitId(5));
  EXPECT_EQ(Get("a") + Get("b") + Get("c"), "12-");
  // It goes on from there, and so do its bases.
  ASSERT_OK(view_->Apply(kLog, {Put("c", "3"), {.key = "a"}}, CommitId(6)));
  ASSERT_OK(bases_->Cut(view_.get()));
  Lose();
  EXPECT_EQ(Get("a") + Get("b") + Get("c"), "-23");
  ASSERT_OK(bases_->Verify());
}

TEST_P(KeyBasesTest, OnlyWhatTheNewestBaseNamesStays) {
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK(view_->Apply(kLog, {Put("k" + std::to_string(i), "v")}, CommitId(i + 1)));
    ASSERT_OK(bases_->Cut(view_.get()));
  }
  EXPECT_EQ(Stored().size(), bases_->newest()->files.size() + 1);
  // What a crash left behind goes at the next start.
  ASSERT_OK(store::WriteFileAtomically(files_.get(), "keybase/000099.sst-0-1", AsBytes("x")));
  ASSERT_OK(store::WriteFileAtomically(files_.get(), "keybase/base-99", AsBytes("x")));
  Open();
  EXPECT_EQ(Stored().size(), bases_->newest()->files.size() + 1);
  EXPECT_EQ(Get("k0") + Get("k3"), "vv");
}

TEST_P(KeyBasesTest, ABaseOfOlderFilesIsNotPutInFrontOfNewerOnes) {
  ASSERT_OK(view_->Apply(kLog, {Put("a", "1")}, CommitId(1)));
  ASSERT_OK(bases_->Cut(view_.get()));
  ASSERT_OK(view_->Apply(kLog, {Put("a", "2")}, CommitId(2)));
  if (!GetParam()) return;  // in memory nothing outlives the view
  Open();
  EXPECT_EQ(view_->watermark(), CommitId(2));
  EXPECT_EQ(Get("a"), "2");
}

TEST_P(KeyBasesTest, DamageIsNamedAndNeverServed) {
  ASSERT_OK(view_->Apply(kLog, {Put("a", "1")}, CommitId(1)));
  ASSERT_OK(bases_->Cut(view_.get()));
  view_.reset();
  FlipBytes();
  const Status found = bases_->Verify();
  EXPECT_EQ(ReasonOf(found), Reason::kChecksumMismatch);
  EXPECT_NE(MessageOf(found).find("keybase/"), std::string::npos);
  Lose();
  EXPECT_EQ(view_->watermark(), CommitId(0));  // the log must do
  EXPECT_EQ(Get("a"), "-");
}

TEST_P(KeyBasesTest, DamagedManifestIsNotABase) {
  ASSERT_OK(view_->Apply(kLog, {Put("a", "1")}, CommitId(1)));
  ASSERT_OK(bases_->Cut(view_.get()));
  const std::string path = "keybase/" + bases_->newest()->StoredName();
  ASSERT_OK(store::WriteFileAtomically(files_.get(), path, AsBytes("nothing of the kind")));
  Lose();
  EXPECT_EQ(ReasonOf(bases_->damage()), Reason::kChecksumMismatch);
  EXPECT_EQ(view_->watermark(), CommitId(0));
  ASSERT_OK(files_->Remove(path));
  Lose();
  EXPECT_EQ(ReasonOf(bases_->damage()), Reason::kFileMissing);
  // The next base heals it.
  ASSERT_OK(view_->Apply(kLog, {Put("a", "1")}, CommitId(1)));
  ASSERT_OK(bases_->Cut(view_.get()));
  Lose();
  EXPECT_OK(bases_->damage());
  EXPECT_EQ(Get("a"), "1");
}

TEST_P(KeyBasesTest, WorkingFilesOfAnotherHistoryAreNotUsed) {
  ASSERT_OK(view_->Apply(kLog, {Put("a", "1")}, CommitId(3)));
  ASSERT_OK(bases_->Cut(view_.get()));
  ASSERT_OK(view_->Apply(kLog, {Put("a", "2")}, CommitId(9)));
  view_.reset();
  view_ = KeyView::Open({.folder = GetParam() ? os_root_ + "/keyview" : "",
                         .bases = bases_.get(),
                         .commit_max = CommitId(8)})
              .ValueOrDie();
  EXPECT_EQ(view_->watermark(), CommitId(3));
  EXPECT_EQ(Get("a"), "1");
}

TEST_P(KeyBasesTest, CountsTheRowsOfALog) {
  std::vector<Change> changes;
  for (int i = 0; i < 1000; ++i) changes.push_back(Put(std::to_string(i), "v"));
  ASSERT_OK(view_->Apply(kLog, changes, CommitId(1)));
  ASSERT_OK(view_->Apply(LogId(8), {Put("other", "v")}, CommitId(2)));
  EXPECT_EQ(view_->Measure(kLog).rows, 1000U);
  EXPECT_EQ(view_->Measure(LogId(8)).rows, 1U);
  EXPECT_EQ(view_->Measure(LogId(9)).rows, 0U);
  EXPECT_TRUE(view_->Measure(kLog).exact);
}

INSTANTIATE_TEST_SUITE_P(Places, KeyBasesTest, testing::Bool(),
                         [](const auto& on_disk) { return on_disk.param ? "OnDisk" : "InMemory"; });

TEST(BaseManifestTest, IsReadAsItWasWritten) {
  const BaseManifest manifest{.number = 12,
                              .commit = CommitId(345),
                              .files = {{.name = "CURRENT", .bytes = 16, .hash = 1},
                                        {.name = "000009.sst", .bytes = 1 << 20, .hash = ~0ULL}}};
  const std::string bytes = EncodeManifest(manifest);
  const auto read = ParseManifest(bytes).ValueOrDie();
  EXPECT_EQ(read.number, 12U);
  EXPECT_EQ(read.commit, CommitId(345));
  ASSERT_EQ(read.files.size(), 2U);
  EXPECT_EQ(read.files[1].StoredName(), "000009.sst-ffffffffffffffff-1048576");
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string other = bytes;
    other[i] = static_cast<char>(other[i] ^ 4);
    EXPECT_FALSE(ParseManifest(other).ok()) << i;
    EXPECT_FALSE(ParseManifest(bytes.substr(0, i)).ok()) << i;
  }
}

}  // namespace
}  // namespace firth::keyview
