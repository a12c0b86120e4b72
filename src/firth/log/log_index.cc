#include "firth/log/log_index.h"

#include <algorithm>
#include <climits>
#include <string>

namespace firth::log {
namespace {

int32_t After(int32_t sequence) {
  return sequence == INT32_MAX ? 0 : sequence + 1;
}

}  // namespace

WriterWindow::Answer WriterWindow::Judge(WriterId writer, int32_t sequence) const {
  Answer answer;
  const auto found = writers_.find(writer);
  if (found == writers_.end()) {
    if (sequence != 0) answer.verdict = Verdict::kOutOfOrder;
    return answer;
  }
  for (const Sent& sent : found->second) {
    if (sent.sequence != sequence) continue;
    answer.verdict = Verdict::kDuplicate;
    answer.first = {.base_offset = sent.base, .end_offset = sent.end, .duplicate = true};
    answer.commit = sent.commit;
    answer.time_ns = sent.time_ns;
    return answer;
  }
  answer.expected = After(found->second.back().sequence);
  if (sequence != answer.expected) answer.verdict = Verdict::kOutOfOrder;
  return answer;
}

void WriterWindow::Add(WriterId writer, int32_t sequence, Offset base, Offset end, CommitId commit,
                       int64_t time_ns, int window) {
  auto& sent = writers_[writer];
  sent.push_back({sequence, base, end, commit, time_ns});
  while (sent.size() > static_cast<size_t>(window)) sent.pop_front();
}

void WriterWindow::TakeBack(WriterId writer) {
  const auto found = writers_.find(writer);
  FIRTH_CHECK(found != writers_.end() && !found->second.empty());
  found->second.pop_back();
  if (found->second.empty()) writers_.erase(found);
}

std::optional<int32_t> WriterWindow::Last(WriterId writer) const {
  const auto found = writers_.find(writer);
  if (found == writers_.end()) return std::nullopt;
  return found->second.back().sequence;
}

WriterWindow::Answer LogState::Judge(WriterId writer, int32_t sequence) const {
  std::lock_guard lock(mutex_);
  return writers_.Judge(writer, sequence);
}

void LogState::AddSent(WriterId writer, int32_t sequence, Offset base, Offset end, CommitId commit,
                       int64_t time_ns, int window) {
  std::lock_guard lock(mutex_);
  writers_.Add(writer, sequence, base, end, commit, time_ns, window);
}

void LogState::TakeBackSent(WriterId writer) {
  std::lock_guard lock(mutex_);
  writers_.TakeBack(writer);
}

std::optional<int32_t> LogState::LastSequence(WriterId writer) const {
  std::lock_guard lock(mutex_);
  return writers_.Last(writer);
}

Status LogState::Append(const IndexEntry& entry) {
  std::lock_guard lock(mutex_);
  if (entry.base_offset != end_) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "log " + std::to_string(id_.value) + " ends at offset " +
                     std::to_string(end_.value) + ", but commit " +
                     std::to_string(entry.commit.value) + " begins at " +
                     std::to_string(entry.base_offset.value));
  }
  end_ = entry.end_offset();
  entries_.push_back(entry);
  return Status::OK();
}

LogRange LogState::Range() const {
  std::lock_guard lock(mutex_);
  LogRange range{.start = start_, .end = end_};
  if (!entries_.empty()) {
    range.last_commit = entries_.back().commit;
    range.last_commit_time_ns = entries_.back().commit_time_ns;
  }
  return range;
}

size_t LogState::Find(Offset offset) const {
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), offset,
                       [](Offset at, const IndexEntry& entry) { return at < entry.end_offset(); });
  return static_cast<size_t>(after - entries_.begin());
}

Result<std::vector<IndexEntry>> LogState::Plan(Offset from, const ReadOptions& options) const {
  std::lock_guard lock(mutex_);
  if (from < start_ || from > end_) {
    return Error(Code::kOutOfRange, Reason::kOffsetOutOfRange,
                 "offset " + std::to_string(from.value) + " is out of range: the log holds " +
                     std::to_string(start_.value) + " to " + std::to_string(end_.value));
  }
  return Take(Find(from), options);
}

std::vector<IndexEntry> LogState::PlanAfter(CommitId after, const ReadOptions& options) const {
  std::lock_guard lock(mutex_);
  const auto first =
      std::upper_bound(entries_.begin(), entries_.end(), after,
                       [](CommitId c, const IndexEntry& entry) { return c < entry.commit; });
  return Take(static_cast<size_t>(first - entries_.begin()), options);
}

std::vector<IndexEntry> LogState::Take(size_t from, const ReadOptions& options) const {
  std::vector<IndexEntry> plan;
  uint64_t bytes = 0;
  for (size_t i = from; i < entries_.size(); ++i) {
    const IndexEntry& entry = entries_[i];
    if (entry.commit > options.up_to) break;
    bytes += entry.body_bytes;
    // A commit's entries stay together where the caller goes on by commits.
    if (!plan.empty() && bytes > options.bytes_max && entry.commit != plan.back().commit) break;
    plan.push_back(entry);
  }
  return plan;
}

Offset LogState::OffsetAtTime(int64_t time_ns) const {
  std::lock_guard lock(mutex_);
  const auto at =
      std::lower_bound(entries_.begin(), entries_.end(), time_ns,
                       [](const IndexEntry& entry, int64_t t) { return entry.commit_time_ns < t; });
  return at == entries_.end() ? end_ : at->base_offset;
}

Offset LogState::OffsetAfterCommit(CommitId commit) const {
  std::lock_guard lock(mutex_);
  const auto at =
      std::upper_bound(entries_.begin(), entries_.end(), commit,
                       [](CommitId c, const IndexEntry& entry) { return c < entry.commit; });
  return at == entries_.end() ? end_ : at->base_offset;
}

CommitId LogState::LastCommitAt(int64_t time_ns) const {
  std::lock_guard lock(mutex_);
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), time_ns,
                       [](int64_t t, const IndexEntry& entry) { return t < entry.commit_time_ns; });
  return after == entries_.begin() ? CommitId(0) : std::prev(after)->commit;
}

uint64_t LogState::BytesBetween(Offset from, Offset to) const {
  std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (size_t i = Find(from); i < entries_.size() && entries_[i].base_offset < to; ++i) {
    bytes += entries_[i].body_bytes;
  }
  return bytes;
}

void LogState::SetStart(Offset start) {
  std::lock_guard lock(mutex_);
  start_ = start;
  end_ = std::max(end_, start);
  while (!entries_.empty() && entries_.front().end_offset() <= start) entries_.pop_front();
}

Offset LogState::end() const {
  std::lock_guard lock(mutex_);
  return end_;
}

}  // namespace firth::log
