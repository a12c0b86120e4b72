// Goal: lookups that several threads bring are each answered once, whole and in order, while a
// writer changes the rows and writes them to files, and the queue can go as soon as they are.
// Method: a pool and a view as a server has them; each write gives all rows of a log one number.
#include "firth/table/lookup_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "firth/common/executor.h"
#include "firth/common/later.h"
#include "firth/store/testing_files.h"

namespace firth::table {
namespace {

using keyview::KeyStatePtr;
using keyview::KeyView;

constexpr int kLogs = 3;
constexpr int kRows = 40;
constexpr int kAsking = 3;
constexpr int kRounds = 60;

std::string KeyOf(int row) {
  return "row " + std::to_string(row);
}

LogId LogOf(int index) {
  return LogId(index + 1);
}

/// Every row of a log is now of this commit.
Status Write(KeyView* view, LogId log, CommitId commit) {
  std::vector<KeyStatePtr> rows;
  for (int row = 0; row < kRows; ++row) {
    rows.push_back(keyview::KeyState::Make(log, KeyOf(row), std::string(2, '\0'),
                                           std::to_string(commit.value) + std::string(100, '.')));
    rows.back()->SetCommit(commit, commit.value);
  }
  return view->Put(log, rows, commit);
}

/// All keys of a log, from that of row `first` on and round.
CanonicalKeys KeysFrom(int first) {
  CanonicalKeys keys;
  for (int i = 0; i < kRows; ++i) {
    keys.bytes += KeyOf((first + i) % kRows);
    keys.ends.push_back(keys.bytes.size());
  }
  return keys;
}

/// The commit that the rows of an answer to these keys of a log are of; 0 if they are not, or not
/// of one.
int64_t CommitOf(const Result<FoundRows>& rows, LogId log, int first) {
  if (!rows.ok() || rows->size() != kRows || rows->front() == nullptr) return 0;
  const int64_t commit = rows->front()->commit().value;
  for (int i = 0; i < kRows; ++i) {
    const KeyStatePtr& row = (*rows)[static_cast<size_t>(i)];
    if (row == nullptr || row->log() != log || row->key() != KeyOf((first + i) % kRows) ||
        row->commit().value != commit || !row->row().starts_with(std::to_string(commit) + ".")) {
      return 0;
    }
  }
  return commit;
}

/// What one thread found, by log: just now, and before.
struct Asker {
  std::counting_semaphore<> answered{0};
  std::array<int64_t, kLogs> found{};
  std::array<int64_t, kLogs> seen{};
};

TEST(LookupQueueTest, ManyAskWhileOneWrites) {
  store::TemporaryFolder folder;
  // So little memory that rows are written to files, and read from them, all the while.
  auto view = KeyView::Open({.folder = folder.path() + "/view",
                             .rows_bytes = 4 << 10,
                             .unwritten_bytes = 4 << 10,
                             .cache_bytes = 4 << 10,
                             .memtable_bytes = 64 << 10})
                  .ValueOrDie();
  for (int log = 0; log < kLogs; ++log) ASSERT_OK(Write(view.get(), LogOf(log), CommitId(1)));
  SystemClock clock;
  ThreadPool pool("lookup", 2, &clock);
  InWork in_work;
  auto queue = std::make_unique<LookupQueue>(view.get(), &pool, &clock, &in_work);

  std::atomic<bool> enough{false};
  std::thread writer([&] {
    for (int64_t commit = 2; !enough; ++commit) {
      for (int log = 0; log < kLogs; ++log) {
        ASSERT_OK(Write(view.get(), LogOf(log), CommitId(commit)));
      }
    }
  });
  std::atomic<int> asked{0};
  std::atomic<int> answers{0};
  std::vector<Asker> askers(kAsking);
  std::vector<std::thread> asking;
  for (Asker& asker : askers) {
    asking.emplace_back([&] {
      // Until what was written meanwhile was seen, too.
      for (int round = 0; round < kRounds || (asker.seen.front() == 1 && !HasFailure()); ++round) {
        {
          const Later later;
          for (int log = 0; log < kLogs; ++log) {
            const int first = asked++ % kRows;
            queue->Add({.log = LogOf(log),
                        .canonical = KeysFrom(first),
                        .done = [&, log, first](const Result<FoundRows>& rows) {
                          ++answers;
                          asker.found[static_cast<size_t>(log)] = CommitOf(rows, LogOf(log), first);
                          asker.answered.release();
                        }});
          }
        }
        for (int log = 0; log < kLogs; ++log) asker.answered.acquire();
        for (size_t log = 0; log < kLogs; ++log) {
          ASSERT_GT(asker.found[log], 0) << "log " << log;
          ASSERT_GE(asker.found[log], asker.seen[log]) << "log " << log;
        }
        asker.seen = asker.found;
      }
    });
  }
  for (std::thread& thread : asking) thread.join();
  enough = true;
  in_work.Wait();
  queue.reset();
  writer.join();
  EXPECT_EQ(answers, asked);
}

}  // namespace
}  // namespace firth::table
