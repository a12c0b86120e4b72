#include "firth/log/log_index.h"

#include <algorithm>
#include <climits>
#include <string>

namespace firth::log {

void AddSentBy(const IndexEntry& entry, WriterWindow* writers) {
  if (entry.writer_id == kNoWriter) return;
  writers->Add(entry.writer_id, {.sequence = entry.sequence,
                                 .base = entry.base_offset,
                                 .end = entry.end_offset(),
                                 .commit = entry.commit,
                                 .time_ns = entry.commit_time_ns});
}

Result<std::shared_ptr<const IndexBlock>> BlockCache::Get(const IndexFile& file,
                                                          const IndexRun& run) {
  const Key key{file.number(), run.block_at};
  {
    std::lock_guard lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      held_.splice(held_.begin(), held_, found->second);
      return found->second->block;
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto block, file.ReadBlock(run));
  std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return block;
  held_.push_front({key, block});
  by_key_[key] = held_.begin();
  bytes_ += block->size() * sizeof(IndexEntry);
  while (bytes_ > bytes_max_ && held_.size() > 1) {
    bytes_ -= held_.back().block->size() * sizeof(IndexEntry);
    by_key_.erase(held_.back().key);
    held_.pop_back();
  }
  return block;
}

// --- Loading

Status LogState::Load(const IndexSetPtr& set,
                      const std::function<Result<std::optional<LogStart>>(LogId)>& start_of) {
  const bool first = set_ == nullptr;
  std::optional<LogStart> start;
  if (first && start_of != nullptr) {
    ARROW_ASSIGN_OR_RAISE(start, start_of(id_));
  }
  std::shared_ptr<const Runs> before;
  {
    std::lock_guard lock(mutex_);
    before = runs_;
  }
  // Nobody changes start or runs meanwhile but SetStart, which drops runs that it leaves out again.
  auto runs = std::make_shared<Runs>();
  WriterWindow writers;
  if (start.has_value() && !writers.Decode(AsBytes(start->writers))) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the catalog's start of log " + std::to_string(id_.value) + " is damaged");
  }
  for (const auto& file : set->files) {
    const bool known =
        !first && std::find(set_->files.begin(), set_->files.end(), file) != set_->files.end();
    if (known) {
      for (const Placed& placed : *before) {
        if (placed.file == file) runs->push_back(placed);
      }
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto found, file->Find(id_));
    for (const IndexRun& run : found) runs->push_back({file, run});
    if (first && !found.empty()) ARROW_RETURN_NOT_OK(file->ReadWriters(found.back(), &writers));
  }
  std::lock_guard lock(mutex_);
  EraseTail([&](const IndexEntry& entry) { return entry.file <= set->through; });
  if (first) {
    if (start.has_value()) {
      start_ = start->start;
      trimmed_ = start->trimmed;
      last_commit_ = start->trimmed;
      last_time_ns_ = start->trimmed_time_ns;
    }
    end_ = runs->empty() ? start_ : runs->back().run.end;
    if (!runs->empty()) {
      last_commit_ = std::max(last_commit_, runs->back().run.last_commit);
      last_time_ns_ = std::max(last_time_ns_, runs->back().run.last_time_ns);
    }
    end_ = std::max(end_, start_);
    EraseTail([&](const IndexEntry& entry) { return entry.commit <= trimmed_; });
    if (!tail_.empty()) {
      if (tail_.front().base_offset != end_) {
        return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                     "log " + std::to_string(id_.value) + " ends at offset " +
                         std::to_string(end_.value) + ", but commit " +
                         std::to_string(tail_.front().commit.value) + " begins at " +
                         std::to_string(tail_.front().base_offset.value));
      }
      end_ = tail_.back().end_offset();
      last_commit_ = tail_.back().commit;
      last_time_ns_ = tail_.back().commit_time_ns;
    }
    for (const IndexEntry& entry : tail_) AddSentBy(entry, &writers);
    writers_ = std::move(writers);
    next = end_;
  }
  std::erase_if(*runs, [&](const Placed& placed) { return placed.run.last_commit <= trimmed_; });
  runs_ = std::move(runs);
  set_ = set;
  generation_.store(set->generation, std::memory_order_release);
  return Status::OK();
}

bool LogState::Advance(const IndexSetPtr& before, const IndexSetPtr& now,
                       std::span<const IndexRun> runs) {
  if (set_ != before) return false;
  std::lock_guard lock(mutex_);
  if (!runs.empty()) {
    auto all = std::make_shared<Runs>(*runs_);
    for (const IndexRun& run : runs) {
      if (run.last_commit > trimmed_) all->push_back({now->files.back(), run});
    }
    runs_ = std::move(all);
    EraseTail([&](const IndexEntry& entry) { return entry.file <= now->through; });
  }
  set_ = now;
  generation_.store(now->generation, std::memory_order_release);
  return true;
}

Status LogState::Recover(const IndexEntry& entry) {
  std::lock_guard lock(mutex_);
  if (!tail_.empty() && entry.base_offset != tail_.back().end_offset()) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "log " + std::to_string(id_.value) + " ends at offset " +
                     std::to_string(tail_.back().end_offset().value) + ", but commit " +
                     std::to_string(entry.commit.value) + " begins at " +
                     std::to_string(entry.base_offset.value));
  }
  tail_.push_back(entry);
  tail_bytes_ += entry.body_bytes;
  return Status::OK();
}

// --- Writers

Result<WriterWindow::Answer> LogState::Judge(WriterId writer, int32_t sequence) const {
  std::lock_guard lock(mutex_);
  const WriterWindow::Answer answer = writers_.Judge(writer, sequence);
  if (answer.verdict != WriterWindow::Verdict::kDuplicate) ARROW_RETURN_NOT_OK(closed_);
  return answer;
}

void LogState::AddSent(WriterId writer, const WriterWindow::Sent& sent) {
  std::lock_guard lock(mutex_);
  writers_.Begin(writer, sent);
}

void LogState::TakeBackSent(WriterId writer) {
  std::lock_guard lock(mutex_);
  writers_.TakeBack(writer);
}

std::optional<int32_t> LogState::LastSequence(WriterId writer) const {
  std::lock_guard lock(mutex_);
  return writers_.Last(writer);
}

WriterWindow LogState::Writers() const {
  std::lock_guard lock(mutex_);
  return writers_;
}

// --- Entries

Status LogState::Append(const IndexEntry& entry) {
  std::lock_guard lock(mutex_);
  if (entry.base_offset != end_) {
    return Error(Code::kInternal, Reason::kNone,
                 "log " + std::to_string(id_.value) + " ends at offset " +
                     std::to_string(end_.value) + ", not at " +
                     std::to_string(entry.base_offset.value));
  }
  end_ = entry.end_offset();
  last_commit_ = entry.commit;
  last_time_ns_ = entry.commit_time_ns;
  tail_.push_back(entry);
  tail_bytes_ += entry.body_bytes;
  if (entry.writer_id != kNoWriter) writers_.Settle(entry.writer_id);
  return Status::OK();
}

LogRange LogState::Range() const {
  std::lock_guard lock(mutex_);
  return {.start = start_,
          .end = end_,
          .last_commit = last_commit_,
          .last_commit_time_ns = last_time_ns_};
}

Offset LogState::end() const {
  std::lock_guard lock(mutex_);
  return end_;
}

CommitId LogState::trimmed() const {
  std::lock_guard lock(mutex_);
  return trimmed_;
}

std::vector<IndexEntry> LogState::EntriesOf(uint64_t number) const {
  std::lock_guard lock(mutex_);
  std::vector<IndexEntry> entries;
  for (const IndexEntry& entry : tail_) {
    if (entry.file == number) entries.push_back(entry);
  }
  return entries;
}

CommitId LogState::Newest() const {
  std::lock_guard lock(mutex_);
  return tail_.empty() ? CommitId(0) : tail_.back().commit;
}

bool LogState::Idle(uint64_t through) const {
  std::lock_guard lock(mutex_);
  return closed_.ok() && (tail_.empty() || tail_.back().file <= through);
}

Status LogState::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

void LogState::Close(const Status& answer) {
  std::lock_guard lock(mutex_);
  closed_ = answer;
}

Status LogState::Walk(const Seek& seek, const std::function<bool(const IndexEntry&)>& visit) const {
  CommitId passed{-1};
  while (true) {
    std::shared_ptr<const Runs> runs;
    CommitId trimmed;
    const auto before = [&](const IndexEntry& entry) {
      return entry.commit <= passed || entry.commit <= trimmed || seek.before(entry);
    };
    const auto before_run = [&](const Placed& placed) {
      return placed.run.last_commit <= passed || placed.run.last_commit <= trimmed ||
             seek.before_run(placed.run);
    };
    {
      std::lock_guard lock(mutex_);
      runs = runs_;
      trimmed = trimmed_;
      if (runs->empty() || before_run(runs->back())) {
        // The rest is in memory.
        for (auto it = std::partition_point(tail_.begin(), tail_.end(), before); it != tail_.end();
             ++it) {
          if (!visit(*it)) return Status::OK();
        }
        return Status::OK();
      }
    }
    for (auto it = std::partition_point(runs->begin(), runs->end(), before_run); it != runs->end();
         ++it) {
      ARROW_ASSIGN_OR_RAISE(const auto block, blocks_->Get(*it->file, it->run));
      for (auto entry = std::partition_point(block->begin(), block->end(), before);
           entry != block->end(); ++entry) {
        if (!visit(*entry)) return Status::OK();
      }
    }
    // What was in memory may have come to lie in an index meanwhile: look again, behind these.
    passed = runs->back().run.last_commit;
  }
}

Status LogState::Take(const Seek& seek, const ReadOptions& options,
                      std::vector<IndexEntry>* plan) const {
  uint64_t bytes = 0;
  return Walk(seek, [&](const IndexEntry& entry) {
    if (entry.commit > options.up_to) return false;
    bytes += entry.body_bytes;
    // A commit's entries stay together where the caller goes on by commits.
    if (!plan->empty() && bytes > options.bytes_max && entry.commit != plan->back().commit) {
      return false;
    }
    plan->push_back(entry);
    return true;
  });
}

Result<std::vector<IndexEntry>> LogState::Plan(Offset from, const ReadOptions& options) const {
  const LogRange range = Range();
  if (from < range.start || from > range.end) {
    return Error(Code::kOutOfRange, Reason::kOffsetOutOfRange,
                 "offset " + std::to_string(from.value) + " is out of range: the log holds " +
                     std::to_string(range.start.value) + " to " + std::to_string(range.end.value));
  }
  std::vector<IndexEntry> plan;
  ARROW_RETURN_NOT_OK(
      Take({.before_run = [&](const IndexRun& run) { return run.end <= from; },
            .before = [&](const IndexEntry& entry) { return entry.end_offset() <= from; }},
           options, &plan));
  return plan;
}

Result<std::vector<IndexEntry>> LogState::PlanAfter(CommitId after,
                                                    const ReadOptions& options) const {
  std::vector<IndexEntry> plan;
  ARROW_RETURN_NOT_OK(
      Take({.before_run = [&](const IndexRun& run) { return run.last_commit <= after; },
            .before = [&](const IndexEntry& entry) { return entry.commit <= after; }},
           options, &plan));
  return plan;
}

Result<Offset> LogState::FirstOffset(const Seek& seek) const {
  std::optional<Offset> found;
  ARROW_RETURN_NOT_OK(Walk(seek, [&](const IndexEntry& entry) {
    found = entry.base_offset;
    return false;
  }));
  return found.has_value() ? *found : end();
}

Result<Offset> LogState::OffsetAtTime(int64_t time_ns) const {
  return FirstOffset(
      {.before_run = [&](const IndexRun& run) { return run.last_time_ns < time_ns; },
       .before = [&](const IndexEntry& entry) { return entry.commit_time_ns < time_ns; }});
}

Result<Offset> LogState::OffsetAfterCommit(CommitId commit) const {
  return FirstOffset({.before_run = [&](const IndexRun& run) { return run.last_commit <= commit; },
                      .before = [&](const IndexEntry& entry) { return entry.commit <= commit; }});
}

Result<Offset> LogState::OffsetAtRecordTime(int64_t time_ns) const {
  // Record times do not rise with offsets: from the start on, as long as all of an entry is older.
  std::optional<Offset> found;
  ARROW_RETURN_NOT_OK(Walk({.before_run = [](const IndexRun&) { return false; },
                            .before = [](const IndexEntry&) { return false; }},
                           [&](const IndexEntry& entry) {
                             const bool own = entry.record_time_min_ns <= entry.record_time_max_ns;
                             const int64_t newest =
                                 own ? entry.record_time_max_ns : entry.commit_time_ns;
                             if (newest < time_ns) return true;
                             found = entry.base_offset;
                             return false;
                           }));
  return found.has_value() ? *found : end();
}

Result<uint64_t> LogState::BytesBetween(Offset from, Offset to) const {
  uint64_t bytes = 0;
  if (from >= to) return bytes;
  std::shared_ptr<const Runs> runs;
  {
    std::lock_guard lock(mutex_);
    runs = runs_;
    if (from <= start_ && to >= end_) {
      bytes += tail_bytes_;
    } else {
      const auto first = std::partition_point(
          tail_.begin(), tail_.end(), [&](const IndexEntry& e) { return e.end_offset() <= from; });
      for (auto it = first; it != tail_.end() && it->base_offset < to; ++it) {
        bytes += it->body_bytes;
      }
    }
  }
  const auto overlaps = [&](Offset base, Offset end) { return end > from && base < to; };
  for (const Placed& placed : *runs) {
    if (!overlaps(placed.run.base, placed.run.end)) continue;
    if (placed.run.base >= from && placed.run.end <= to) {
      bytes += placed.run.body_bytes;
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto block, blocks_->Get(*placed.file, placed.run));
    for (const IndexEntry& entry : *block) {
      if (overlaps(entry.base_offset, entry.end_offset())) bytes += entry.body_bytes;
    }
  }
  return bytes;
}

Result<Offset> LogState::OffsetOfLastBytes(uint64_t bytes) const {
  const LogRange range = Range();
  ARROW_ASSIGN_OR_RAISE(uint64_t held, BytesBetween(range.start, range.end));
  if (held <= bytes) return range.start;
  Offset start = range.end;
  ARROW_RETURN_NOT_OK(Walk({.before_run = [](const IndexRun&) { return false; },
                            .before = [](const IndexEntry&) { return false; }},
                           [&](const IndexEntry& entry) {
                             start = entry.base_offset;
                             if (held <= bytes) return false;
                             held -= std::min<uint64_t>(held, entry.body_bytes);
                             start = entry.end_offset();
                             return true;
                           }));
  return start;
}

// --- The start

Result<std::optional<LogStart>> LogState::StartAt(Offset to) const {
  const LogRange range = Range();
  LogStart start{.log = id_, .start = range.start, .trimmed = trimmed()};
  if (to <= range.start) return std::nullopt;
  // A commit that reaches beyond `to` stays, and with it all of its entries.
  CommitId kept{INT64_MAX};
  ARROW_RETURN_NOT_OK(
      Walk({.before_run = [&](const IndexRun& run) { return run.end <= to; },
            .before = [&](const IndexEntry& entry) { return entry.end_offset() <= to; }},
           [&](const IndexEntry& entry) {
             kept = entry.commit;
             return false;
           }));
  const CommitId before = start.trimmed;
  ARROW_RETURN_NOT_OK(
      Walk({.before_run = [&](const IndexRun& run) { return run.end <= range.start; },
            .before = [](const IndexEntry&) { return false; }},
           [&](const IndexEntry& entry) {
             if (entry.commit >= kept) return false;
             start.start = entry.end_offset();
             start.trimmed = entry.commit;
             start.trimmed_time_ns = entry.commit_time_ns;
             return true;
           }));
  if (start.trimmed == before) return std::nullopt;
  start.writers = Writers().Encode(range.last_commit_time_ns - kWriterKeptNs);
  return start;
}

void LogState::SetStart(const LogStart& start) {
  std::lock_guard lock(mutex_);
  start_ = start.start;
  trimmed_ = start.trimmed;
  EraseTail([&](const IndexEntry& entry) { return entry.commit <= trimmed_; });
  auto runs = std::make_shared<Runs>(*runs_);
  std::erase_if(*runs, [&](const Placed& placed) { return placed.run.last_commit <= trimmed_; });
  runs_ = std::move(runs);
}

}  // namespace firth::log
