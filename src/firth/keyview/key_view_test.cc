// Goal: a key view answers what was applied, in key order, and after a restart knows exactly the
// commits that its watermark names. Method: small cases in memory and on disk; damage done to the
// files of a closed view.
#include "firth/keyview/key_view.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "firth/keyview/key_format.h"
#include "firth/keyview/rocks_key_view.h"
#include "firth/keyview/testing_keyview.h"

namespace firth::keyview {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

constexpr LogId kLog{7};

Row MakeRow(std::string_view text, int64_t commit = 1) {
  return {.value = "\x01" + std::string(1, '\0') + std::string(text),
          .commit = CommitId(commit),
          .record_time_ns = commit * 1000};
}
std::string TextOf(const Row& row) {
  return row.value.substr(kSchemaIdBytes);
}

Change Put(std::string key, std::string_view text, int64_t commit = 1) {
  return {.key = std::move(key), .row = MakeRow(text, commit)};
}
Change Gone(std::string key) {
  return {.key = std::move(key), .row = std::nullopt};
}

std::unique_ptr<KeyView> OpenView(const std::string& folder = "") {
  return KeyView::Open({.folder = folder}).ValueOrDie();
}

/// "key=text" of each row in the order of the cursor.
Strings Walk(KeyView* view, LogId log, std::string_view from = "", std::string_view to = "",
             bool backwards = false) {
  auto cursor = view->Scan(log, from, to, backwards).ValueOrDie();
  Strings rows;
  for (; cursor->Valid(); cursor->Next()) {
    rows.push_back(std::string(cursor->key()) + "=" + TextOf(cursor->row().ValueOrDie()));
  }
  EXPECT_OK(cursor->status());
  return rows;
}

/// The text of each answer, "-" for none.
Strings Look(KeyView* view, LogId log, const Strings& keys) {
  Strings found;
  for (const auto& row : view->Get(log, keys).ValueOrDie()) {
    found.push_back(row.has_value() ? TextOf(*row) : "-");
  }
  return found;
}

TEST(KeyViewTest, AnswersWhatWasApplied) {
  const auto view = OpenView();
  EXPECT_EQ(view->watermark(), CommitId(0));
  ASSERT_OK(view->Apply(kLog, {Put("a", "1", 5), Put("b", "2", 5)}, CommitId(5)));
  ASSERT_OK(view->Apply(kLog, {Put("a", "3", 6), Gone("b"), Gone("never")}, CommitId(6)));
  EXPECT_EQ(view->watermark(), CommitId(6));
  EXPECT_EQ(Look(view.get(), kLog, {"b", "a", "c", "a"}), (Strings{"-", "3", "-", "3"}));
  const auto row = view->Get(kLog, {"a"}).ValueOrDie()[0];
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->value, MakeRow("3").value);
  EXPECT_EQ(row->commit, CommitId(6));
  EXPECT_EQ(row->record_time_ns, 6000);
  EXPECT_TRUE(view->Get(kLog, {}).ValueOrDie().empty());
}

TEST(KeyViewTest, TheLastChangeOfAKeyInOneBatchCounts) {
  const auto view = OpenView();
  ASSERT_OK(view->Apply(kLog, {Put("a", "1"), Gone("a"), Put("a", "2"), Put("b", "1"), Gone("b")},
                        CommitId(1)));
  EXPECT_EQ(Walk(view.get(), kLog), (Strings{"a=2"}));
}

TEST(KeyViewTest, RowsMayBeEmptyAndKeysMayHoldAnyByte) {
  const auto view = OpenView();
  const std::string zero("\0", 1);
  ASSERT_OK(
      view->Apply(kLog, {Put("", "empty"), Put(zero, ""), Put("\xff\xff", "high")}, CommitId(1)));
  EXPECT_EQ(Look(view.get(), kLog, {"", zero, "\xff\xff"}), (Strings{"empty", "", "high"}));
  EXPECT_EQ(Walk(view.get(), kLog), (Strings{"=empty", zero + "=", "\xff\xff=high"}));
}

TEST(KeyViewTest, LogsAreApart) {
  const auto view = OpenView();
  const LogId next(kLog.value + 1);
  const LogId last(INT64_MAX);
  for (const LogId log : {kLog, next, last}) {
    ASSERT_OK(view->Apply(log, {Put("k", std::to_string(log.value))}, CommitId(1)));
  }
  for (const LogId log : {kLog, next, last}) {
    const std::string text = std::to_string(log.value);
    EXPECT_EQ(Look(view.get(), log, {"k"}), (Strings{text}));
    for (const bool backwards : {false, true}) {
      EXPECT_EQ(Walk(view.get(), log, "", "", backwards), (Strings{"k=" + text}));
    }
  }
  EXPECT_EQ(Walk(view.get(), LogId(1)), Strings{});
}

TEST(KeyViewTest, ScansRangesBothWays) {
  const auto view = OpenView();
  ASSERT_OK(view->Apply(kLog, {Put("a", "1"), Put("b", "2"), Put("ba", "3"), Put("c", "4")},
                        CommitId(1)));
  EXPECT_EQ(Walk(view.get(), kLog, "b", "c"), (Strings{"b=2", "ba=3"}));
  EXPECT_EQ(Walk(view.get(), kLog, "b", "c", true), (Strings{"ba=3", "b=2"}));
  EXPECT_EQ(Walk(view.get(), kLog, "aa", ""), (Strings{"b=2", "ba=3", "c=4"}));
  EXPECT_EQ(Walk(view.get(), kLog, "", "bb", true), (Strings{"ba=3", "b=2", "a=1"}));
  EXPECT_EQ(Walk(view.get(), kLog, "", "", true), (Strings{"c=4", "ba=3", "b=2", "a=1"}));
  for (const bool backwards : {false, true}) {
    EXPECT_EQ(Walk(view.get(), kLog, "d", "", backwards), Strings{});
    EXPECT_EQ(Walk(view.get(), kLog, "b", "b", backwards), Strings{});
    EXPECT_EQ(Walk(view.get(), kLog, "c", "b", backwards), Strings{});
  }
}

TEST(KeyViewTest, ACursorSeesTheViewAsItStoodWhenItWasMade) {
  auto view = OpenView();
  ASSERT_OK(view->Apply(kLog, {Put("a", "1"), Put("b", "1"), Put("c", "1")}, CommitId(1)));
  auto cursor = view->Scan(kLog, "", "", false).ValueOrDie();
  ASSERT_OK(view->Apply(kLog, {Put("b", "2"), Gone("c"), Put("d", "2")}, CommitId(2)));
  ASSERT_OK(view->Drop(kLog));
  ASSERT_OK(view->Reset());
  view.reset();
  Strings rows;
  for (; cursor->Valid(); cursor->Next()) {
    rows.push_back(std::string(cursor->key()) + "=" + TextOf(*cursor->row()));
  }
  EXPECT_OK(cursor->status());
  EXPECT_EQ(rows, (Strings{"a=1", "b=1", "c=1"}));
}

TEST(KeyViewTest, ManyKeysAreLookedUpAtOnce) {
  const auto view = OpenView();
  std::vector<Change> changes;
  Strings keys;
  Strings expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string name = "key" + std::to_string(i);
    keys.push_back(name);
    expected.push_back(i % 3 == 0 ? "-" : name + "!");
    if (i % 3 != 0) changes.push_back(Put(name, name + "!"));
  }
  ASSERT_OK(view->Apply(kLog, changes, CommitId(1)));
  EXPECT_EQ(Look(view.get(), kLog, keys), expected);
  EXPECT_NEAR(static_cast<double>(view->EstimateKeys()), 2000, 10);
  EXPECT_GT(view->EstimateBytes(), changes.size() * 8);
}

TEST(KeyViewTest, DropTakesOneLogOnly) {
  const TemporaryFolder folder;
  auto view = OpenView(folder.path());
  for (int64_t log = 1; log <= 3; ++log) {
    ASSERT_OK(view->Apply(LogId(log), {Put("a", "1"), Put("b", "2")}, CommitId(log)));
  }
  ASSERT_OK(view->Drop(LogId(2)));
  ASSERT_OK(view->Drop(LogId(9)));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Walk(view.get(), LogId(1)), (Strings{"a=1", "b=2"}));
    EXPECT_EQ(Walk(view.get(), LogId(2)), Strings{});
    EXPECT_EQ(Walk(view.get(), LogId(2), "", "", true), Strings{});
    EXPECT_EQ(Look(view.get(), LogId(2), {"a"}), (Strings{"-"}));
    EXPECT_EQ(Walk(view.get(), LogId(3)), (Strings{"a=1", "b=2"}));
    EXPECT_EQ(view->watermark(), CommitId(3));
    view.reset();
    view = OpenView(folder.path());
  }
  ASSERT_OK(view->Apply(LogId(2), {Put("c", "3")}, CommitId(4)));
  EXPECT_EQ(Walk(view.get(), LogId(2)), (Strings{"c=3"}));
}

TEST(KeyViewTest, TheWatermarkNeverGoesBack) {
  const TemporaryFolder folder;
  auto view = OpenView(folder.path());
  ASSERT_OK(view->Apply(LogId(0), {}, CommitId(10)));  // no log was touched
  EXPECT_EQ(view->watermark(), CommitId(10));
  ASSERT_OK(view->Apply(kLog, {Put("a", "1")}, CommitId(4)));
  ASSERT_OK(view->Apply(kLog, {}, CommitId(4)));
  EXPECT_EQ(view->watermark(), CommitId(10));
  view.reset();
  view = OpenView(folder.path());
  EXPECT_EQ(view->watermark(), CommitId(10));
  EXPECT_EQ(Walk(view.get(), kLog), (Strings{"a=1"}));
}

TEST(KeyViewTest, ResetForgetsEverything) {
  const TemporaryFolder folder;
  auto view = OpenView(folder.path());
  ASSERT_OK(view->Apply(kLog, {Put("a", "1")}, CommitId(5)));
  ASSERT_OK(view->Reset());
  EXPECT_EQ(view->watermark(), CommitId(0));
  EXPECT_EQ(Walk(view.get(), kLog), Strings{});
  ASSERT_OK(view->Apply(kLog, {Put("b", "1")}, CommitId(2)));
  view.reset();
  view = OpenView(folder.path());
  EXPECT_EQ(view->watermark(), CommitId(2));
  EXPECT_EQ(Walk(view.get(), kLog), (Strings{"b=1"}));
  // Nothing of the first life is left.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(KeyViewTest, AFolderHasOneView) {
  const TemporaryFolder folder;
  const auto view = OpenView(folder.path());
  const auto second = KeyView::Open({.folder = folder.path()});
  EXPECT_REASON(second.status(), Code::kFailedPrecondition, Reason::kFolderInUse);
  ASSERT_OK(view->Apply(kLog, {Put("a", "1")}, CommitId(1)));
}

TEST(KeyViewTest, AFolderThatCannotBeMadeIsAnError) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() + "/file") << "x";
  EXPECT_REASON(KeyView::Open({.folder = folder.path() + "/file/keys"}).status(),
                Code::kUnavailable, Reason::kIo);
}

// -- damage

/// The one generation's folder of a closed view.
fs::path GenerationIn(const std::string& folder) {
  std::vector<fs::path> found(fs::directory_iterator(folder), fs::directory_iterator{});
  FIRTH_CHECK(found.size() == 1);
  return found[0];
}

std::vector<fs::path> FilesOf(const fs::path& folder, const std::string& name_part) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().find(name_part) != std::string::npos) {
      found.push_back(entry.path());
    }
  }
  FIRTH_CHECK(!found.empty());
  return found;
}

class DamagedKeyViewTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto view = OpenView(folder_.path());
    ASSERT_OK(view->Apply(kLog, {Put("a", "1"), Put("b", std::string(100, 'x'))}, CommitId(5)));
  }
  /// The view begins anew, works, and is well at the next start.
  void ExpectBegunAnew() {
    for (int round = 0; round < 2; ++round) {
      const auto view = OpenView(folder_.path());
      EXPECT_EQ(view->watermark(), CommitId(round == 0 ? 0 : 2));
      EXPECT_EQ(Walk(view.get(), kLog), round == 0 ? Strings{} : Strings{"c=3"});
      ASSERT_OK(view->Apply(kLog, {Put("c", "3")}, CommitId(2)));
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
  }
  const TemporaryFolder folder_;
};

TEST_F(DamagedKeyViewTest, NothingIsDamagedAtFirst) {
  const auto view = OpenView(folder_.path());
  EXPECT_EQ(view->watermark(), CommitId(5));
  EXPECT_EQ(Look(view.get(), kLog, {"a"}), (Strings{"1"}));
}

TEST_F(DamagedKeyViewTest, WithoutFiles) {
  fs::remove_all(GenerationIn(folder_.path()));
  ExpectBegunAnew();
}

TEST_F(DamagedKeyViewTest, WithAnEmptyFolder) {
  const fs::path generation = GenerationIn(folder_.path());
  fs::remove_all(generation);
  fs::create_directory(generation);
  ExpectBegunAnew();
}

TEST_F(DamagedKeyViewTest, WithEachFileMissingOrCutOrOverwritten) {
  for (const char* part : {"CURRENT", "MANIFEST", ".sst"}) {
    for (int damage = 0; damage < 3; ++damage) {
      for (const fs::path& file : FilesOf(GenerationIn(folder_.path()), part)) {
        if (damage == 0) fs::remove(file);
        if (damage == 1) fs::resize_file(file, fs::file_size(file) / 2);
        if (damage == 2) std::ofstream(file) << "garbage";
      }
      SCOPED_TRACE(std::string(part) + " damaged in way " + std::to_string(damage));
      ExpectBegunAnew();
    }
  }
}

TEST_F(DamagedKeyViewTest, WithFoldersInsideAndStrangersBeside) {
  fs::create_directories(GenerationIn(folder_.path()) / "deep/er");
  fs::remove(GenerationIn(folder_.path()) / "CURRENT");
  ExpectBegunAnew();
  // Only folders that are named like ours are ours to remove.
  for (const char* name : {"keys-", "keys-01", "keys-x", "other"}) {
    fs::create_directory(fs::path(folder_.path()) / name);
  }
  ASSERT_OK(OpenView(folder_.path())->Reset());
  EXPECT_EQ(OpenView(folder_.path())->watermark(), CommitId(0));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 5);
}

TEST_F(DamagedKeyViewTest, WithAStrangersDatabase) {
  const fs::path generation = GenerationIn(folder_.path());
  fs::remove_all(generation);
  rocksdb::DB* db = nullptr;
  rocksdb::Options options;
  options.create_if_missing = true;
  ASSERT_TRUE(rocksdb::DB::Open(options, generation.string(), &db).ok());
  ASSERT_TRUE(db->Put({}, "somebody's", "data").ok());
  delete db;
  ExpectBegunAnew();
}

TEST_F(DamagedKeyViewTest, WithAnUnknownVersionOrAnImpossibleWatermark) {
  const auto overwrite = [&](std::string_view key, const std::string& value) {
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, GenerationIn(folder_.path()).string(), &db).ok());
    ASSERT_TRUE(db->Put({}, std::string(key), value).ok());
    delete db;
    ExpectBegunAnew();
  };
  std::string version;
  AppendLe(&version, kFormatVersion + 1);
  overwrite(kFormatKey, version);
  overwrite(kFormatKey, "1");
  overwrite(kWatermarkKey, std::string(8, '\xff'));
  overwrite(kWatermarkKey, "");
}

TEST_F(DamagedKeyViewTest, ADamagedBlockIsAnErrorThatNamesItsFile) {
  {
    const auto view = OpenView(folder_.path());
    std::vector<Change> changes;
    for (int i = 0; i < 10'000; ++i) {
      changes.push_back(Put("key" + std::to_string(i), std::to_string(i * 7919)));
    }
    ASSERT_OK(view->Apply(kLog, changes, CommitId(6)));
  }
  fs::path largest;
  for (const fs::path& file : FilesOf(GenerationIn(folder_.path()), ".sst")) {
    if (largest.empty() || fs::file_size(file) > fs::file_size(largest)) largest = file;
  }
  {
    std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(largest) / 2));
    file << "damage";
  }
  const auto view = OpenView(folder_.path());
  auto cursor = view->Scan(kLog, "", "", false).ValueOrDie();
  size_t rows = 0;
  for (; cursor->Valid(); cursor->Next()) ++rows;
  EXPECT_LT(rows, 10'000U);
  EXPECT_REASON(cursor->status(), Code::kDataLoss, Reason::kChecksumMismatch);
  EXPECT_NE(cursor->status().message().find(largest.filename().string()), std::string::npos)
      << cursor->status();
  Strings keys;
  for (int i = 0; i < 10'000; ++i) keys.push_back("key" + std::to_string(i));
  const auto rows_read = view->Get(kLog, keys);
  EXPECT_REASON(rows_read.status(), Code::kDataLoss, Reason::kChecksumMismatch);
  // The way out: begin anew, and apply the log again.
  ASSERT_OK(view->Reset());
  ASSERT_OK(view->Apply(kLog, {Put("a", "1")}, CommitId(6)));
  EXPECT_EQ(Walk(view.get(), kLog), (Strings{"a=1"}));
}

TEST(KeyFormatTest, RowBytesAreAsDocumented) {
  std::string bytes;
  AppendRow({.value = std::string("\x01\x00\x1e\xac\x02", 5),
             .commit = CommitId(0x0102),
             .record_time_ns = -1},
            &bytes);
  EXPECT_EQ(bytes, std::string("\xff\xff\xff\xff\xff\xff\xff\xff"
                               "\x02\x01\x00\x00\x00\x00\x00\x00"
                               "\x00"
                               "\x01\x00\x1e\xac\x02",
                               22));
  EXPECT_EQ(LogBegin(LogId(258)), std::string("\0\0\0\0\0\0\x01\x02", 8));
  EXPECT_EQ(LogEnd(LogId(255)), std::string("\0\0\0\0\0\0\x01\x00", 8));
}

TEST(KeyFormatTest, RowsThatAreNotWholeAreDamage) {
  std::string bytes;
  AppendRow({.value = "abc", .commit = CommitId(1)}, &bytes);
  EXPECT_OK(ParseRow(bytes).status());
  for (size_t size = 0; size < kRowHeaderBytes + kSchemaIdBytes; ++size) {
    EXPECT_REASON(ParseRow(bytes.substr(0, size)).status(), Code::kDataLoss,
                  Reason::kChecksumMismatch);
  }
  bytes[kRowHeaderBytes - 1] = 1;
  EXPECT_REASON(ParseRow(bytes).status(), Code::kDataLoss, Reason::kChecksumMismatch);
}

}  // namespace
}  // namespace firth::keyview
