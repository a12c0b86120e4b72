// The one writer of the journal. It takes commits in groups: checks them, gives ids, times and
// offsets, writes the group, syncs once, then lets the catalog apply and name those commits that
// change it, and only then begins the next group.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "firth/log/followers.h"
#include "firth/log/journal.h"
#include "firth/log/log_index.h"
#include "firth/log/log_store.h"

namespace firth::log {

/// Committing. Submit is thread-safe; the rest happens in the writer executor, one group at a time.
class Committer {
 public:
  Committer(const LogOptions* options, Journal* journal, LogTable* logs, Followers* followers);

  void Submit(CommitDraft draft, LogStore::CommitDone done);
  /// Call `rolled` in the committer after a group that began a new journal file.
  void OnRolled(std::function<void()> rolled) { rolled_ = std::move(rolled); }
  void SetListener(std::function<void(CommitId)> listener) { listener_ = std::move(listener); }
  /// Where the sequence of commits stands after recovery.
  void Begin(CommitId last, int64_t last_time_ns);
  /// Refuse what comes from now on; wait until nothing is queued or in work.
  void Drain();

  CommitId last_commit() const { return CommitId(last_visible_.load()); }
  /// The last commit that is visible, or that the journal holds although the catalog refused it.
  /// After Drain.
  CommitId last_written() const { return std::max(last_written_, last_commit()); }
  /// Why nothing more can be made durable; OK while it can.
  Status fatal() const;
  int64_t last_time_ns() const { return last_visible_time_ns_.load(); }
  Metrics GetMetrics() const;
  /// How often logs were closed for good.
  uint64_t drops() const { return drops_; }

 private:
  struct Pending {
    CommitDraft draft;
    LogStore::CommitDone done;
    uint64_t bytes = 0;
    // Filled in by the group.
    std::vector<LogStatePtr> logs;  // of each entry
    CommitResult result;
    std::optional<CommitImage> image;
    uint64_t at = 0;  // of its record, in the file
  };
  using PendingPtr = std::unique_ptr<Pending>;

  void RunGroup();
  std::vector<PendingPtr> TakeGroup();
  /// Decide one commit: true if it is to be written. Otherwise it has been answered, or will be
  /// when the group is durable (`duplicates`).
  bool Admit(Pending* pending, std::vector<Pending*>* duplicates);
  Status AdmitEntries(Pending* pending, bool* duplicate);
  void Assign(Pending* pending);
  /// Give an admitted commit's offsets and sequences back: it was not committed.
  void TakeBack(const Pending& pending);
  Status WriteGroup(const std::vector<Pending*>& writing);
  void ApplyCatalog(const std::vector<Pending*>& changing);
  void CloseLogs(const std::vector<ClosedLogs>& closed);
  void Publish(const std::vector<Pending*>& written);
  void PublishEntries(Pending* pending);
  void Answer(Pending* pending, Status status);
  void Fail(const Status& status);

  const LogOptions* const options_;
  Journal* const journal_;
  LogTable* const logs_;
  Followers* const followers_;
  std::function<void(CommitId)> listener_;
  std::function<void()> rolled_;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<PendingPtr> queue_;  // guarded by mutex_
  uint64_t queue_bytes_ = 0;      // guarded by mutex_
  bool running_ = false;          // guarded by mutex_: a group is posted or in work
  bool closing_ = false;          // guarded by mutex_
  Status fatal_;                  // guarded by mutex_

  CommitId last_id_{0};  // the committer's own: given, not yet visible
  int64_t last_given_time_ns_ = 0;
  CommitId last_written_{0};  // to the journal
  std::atomic<int64_t> last_visible_{0};
  std::atomic<int64_t> last_visible_time_ns_{0};
  std::atomic<uint64_t> commits_{0};
  std::atomic<uint64_t> groups_{0};
  std::atomic<uint64_t> entries_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> drops_{0};
  std::vector<PendingPtr> group_;  // what RunGroup works on
  std::vector<FollowPoint> ends_;  // of logs, as the group in work moves them
};

}  // namespace firth::log
