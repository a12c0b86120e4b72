// Goal: a key view is a sorted map a log, and after a crash it is that map as it stood after some
// earlier batch, the one that its watermark names. Method: random operations on the view and on a
// std::map; files in memory that outlive the view, closed with and without a last flush.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "firth/common/random.h"
#include "firth/keyview/key_format.h"
#include "firth/keyview/rocks_key_view.h"
#include "firth/keyview/testing_keyview.h"

namespace firth::keyview {
namespace {

using Map = std::map<std::string, std::string>;  // values by key
using Maps = std::map<int64_t, Map>;             // by log

constexpr int64_t kLogs = 3;

RocksPlace PlaceInMemory(bool flush_at_close) {
  return {.env = std::shared_ptr<rocksdb::Env>(rocksdb::NewMemEnv(rocksdb::Env::Default())),
          .folder = "/view",
          .flush_at_close = flush_at_close};
}

Row RowOf(const std::string& text, int64_t commit) {
  return {.value = "id" + text, .commit = CommitId(commit), .record_time_ns = -commit};
}

/// Rows of the cursor; checks that each is whole.
std::vector<std::pair<std::string, std::string>> Walk(KeyView* view, int64_t log,
                                                      std::string_view from, std::string_view to,
                                                      bool backwards) {
  std::vector<std::pair<std::string, std::string>> rows;
  auto cursor = view->Scan(LogId(log), from, to, backwards).ValueOrDie();
  for (; cursor->Valid(); cursor->Next()) {
    const Row row = cursor->row().ValueOrDie();
    FIRTH_CHECK(row.record_time_ns == -row.commit.value);
    rows.emplace_back(cursor->key(), row.value.substr(kSchemaIdBytes));
  }
  FIRTH_CHECK(cursor->status().ok());
  return rows;
}

Maps Everything(KeyView* view) {
  Maps all;
  for (int64_t log = 1; log <= kLogs; ++log) {
    for (auto& [key, value] : Walk(view, log, "", "", false)) all[log][key] = value;
  }
  return all;
}

/// Few enough for hits, with the bytes that matter to an order.
std::string AnyKey() {
  return *rc::gen::resize(
      3, rc::gen::container<std::string>(rc::gen::element<char>('\0', '\x01', 'a', 'b', '\xff')));
}

/// An empty map and no map are the same.
void Prune(Maps* maps) {
  std::erase_if(*maps, [](const auto& log) { return log.second.empty(); });
}

class Model {
 public:
  explicit Model(bool flush_at_close) : place_(PlaceInMemory(flush_at_close)) { Reopen(); }

  void Apply() {
    const int64_t log = *rc::gen::inRange<int64_t>(1, kLogs + 1);
    const auto count = *rc::gen::inRange(0, 6);
    ++commit_;
    std::vector<Change> changes;
    for (int i = 0; i < count; ++i) {
      Change change{.key = AnyKey(), .row = std::nullopt};
      if (*rc::gen::weightedElement<bool>({{3, true}, {1, false}})) {
        const std::string text = *rc::gen::string<std::string>();
        change.row = RowOf(text, commit_);
        maps_[log][change.key] = text;
      } else {
        maps_[log].erase(change.key);
      }
      changes.push_back(std::move(change));
    }
    RC_ASSERT(view_->Apply(LogId(log), changes, CommitId(commit_)).ok());
    RC_ASSERT(view_->watermark() == CommitId(commit_));
  }
  void Drop() {
    const int64_t log = *rc::gen::inRange<int64_t>(1, kLogs + 1);
    RC_ASSERT(view_->Drop(LogId(log)).ok());
    maps_.erase(log);
  }
  void Reset() {
    RC_ASSERT(view_->Reset().ok());
    RC_ASSERT(view_->watermark() == CommitId(0));
    maps_.clear();
    commit_ = 0;
  }
  void Reopen() {
    view_.reset();
    view_ = RocksKeyView::OpenAt(place_, {}).ValueOrDie();
    RC_ASSERT(view_->watermark() == CommitId(commit_));
  }
  void Look() {
    const int64_t log = *rc::gen::inRange<int64_t>(1, kLogs + 1);
    const Map& map = maps_[log];
    std::vector<std::string> keys(*rc::gen::inRange<size_t>(0, 5));
    for (std::string& key : keys) key = AnyKey();
    const auto rows = view_->Get(LogId(log), keys).ValueOrDie();
    RC_ASSERT(rows.size() == keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto found = map.find(keys[i]);
      RC_ASSERT(rows[i].has_value() == (found != map.end()));
      if (rows[i].has_value()) {
        RC_ASSERT(rows[i]->value.substr(kSchemaIdBytes) == found->second);
      }
    }
  }
  void Scan() {
    const int64_t log = *rc::gen::inRange<int64_t>(1, kLogs + 1);
    const Map& map = maps_[log];
    const std::string from = AnyKey();
    const std::string to = AnyKey();
    std::vector<std::pair<std::string, std::string>> expected;
    for (auto at = map.lower_bound(from); at != map.end() && (to.empty() || at->first < to); ++at) {
      expected.emplace_back(*at);
    }
    RC_ASSERT(Walk(view_.get(), log, from, to, false) == expected);
    std::reverse(expected.begin(), expected.end());
    RC_ASSERT(Walk(view_.get(), log, from, to, true) == expected);
  }
  void Compare() {
    Prune(&maps_);
    RC_ASSERT(Everything(view_.get()) == maps_);
  }

 private:
  const RocksPlace place_;
  std::unique_ptr<KeyView> view_;
  Maps maps_;
  int64_t commit_ = 0;
};

RC_GTEST_PROP(KeyViewProperty, AgreesWithASortedMap, ()) {
  Model model(/*flush_at_close=*/true);
  const auto operations = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 20));
  for (const int operation : operations) {
    if (operation < 8) model.Apply();
    if (operation >= 8 && operation < 11) model.Look();
    if (operation >= 11 && operation < 16) model.Scan();
    if (operation == 16) model.Drop();
    if (operation >= 17 && operation < 19) model.Reopen();
    if (operation == 19) model.Reset();
  }
  model.Compare();
}

/// Text that no compression makes smaller, so that memtables fill and are flushed on the way.
std::string Noise(Random* random, size_t bytes) {
  std::string text(bytes, '\0');
  random->Fill(std::as_writable_bytes(std::span(text)));
  return text;
}

/// Lose what is in memory, several times; counts how often anything was lost.
void LoseMemory(const KeyViewOptions& options, int* losses) {
  SeededRandom random(20260114);
  const RocksPlace place = PlaceInMemory(/*flush_at_close=*/false);
  std::map<int64_t, Maps> history;  // by watermark
  history[0] = {};
  int64_t flushed_last = 0;
  // Files are written by another thread, for which a round on a busy machine may be too short.
  for (int round = 0; round < 6 || (flushed_last == 0 && round < 600); ++round) {
    const auto view = RocksKeyView::OpenAt(place, options).ValueOrDie();
    const int64_t watermark = view->watermark().value;
    ASSERT_TRUE(history.contains(watermark)) << watermark;
    ASSERT_EQ(Everything(view.get()), history[watermark]);
    ASSERT_GE(watermark, flushed_last);
    if (watermark < history.rbegin()->first) ++*losses;
    flushed_last = watermark;
    history.erase(history.upper_bound(watermark), history.end());

    // Several logs a batch of commits, so that the data of one commit alone would not tell.
    Maps maps = history[watermark];
    for (int64_t commit = watermark + 1; commit <= watermark + 150; ++commit) {
      const int64_t log = 1 + commit % kLogs;
      std::vector<Change> changes;
      for (int i = 0; i < 5; ++i) {
        const std::string key = "key" + std::to_string(random.Next64() % 40);
        if (random.Next64() % 5 == 0) {
          changes.push_back({.key = key, .row = std::nullopt});
          maps[log].erase(key);
        } else {
          const std::string text = Noise(&random, 700);
          changes.push_back({.key = key, .row = RowOf(text, commit)});
          maps[log][key] = text;
        }
      }
      ASSERT_OK(view->Apply(LogId(log), changes, CommitId(commit)));
      Prune(&maps);
      history[commit] = maps;
    }
    ASSERT_EQ(Everything(view.get()), maps);
  }
  EXPECT_GT(flushed_last, 0);
}

TEST(KeyViewCrashTest, WhatIsOnDiskIsTheStateAfterAnEarlierBatch) {
  int losses = 0;
  LoseMemory({.unwritten_bytes = 64 << 10, .memtable_bytes = 300 << 10}, &losses);
  EXPECT_GT(losses, 0);
}

TEST(KeyViewCrashTest, AFileIsTheStateAfterAnEarlierBatchToo) {
  // What is written for want of memory makes files; what is written for a reader does, or does not.
  int losses = 0;
  LoseMemory({.unwritten_bytes = 64 << 10, .memtable_bytes = 192 << 10}, &losses);
  EXPECT_GT(losses, 0);
}

TEST(KeyViewCrashTest, WithoutAFlushNothingIsThereAndTheWatermarkSaysSo) {
  const RocksPlace place = PlaceInMemory(/*flush_at_close=*/false);
  auto view = RocksKeyView::OpenAt(place, {}).ValueOrDie();
  ASSERT_OK(view->Apply(LogId(1), {{.key = "a", .row = RowOf("1", 1)}}, CommitId(1)));
  view.reset();
  view = RocksKeyView::OpenAt(place, {}).ValueOrDie();
  EXPECT_EQ(view->watermark(), CommitId(0));
  EXPECT_TRUE(Everything(view.get()).empty());
}

}  // namespace
}  // namespace firth::keyview
