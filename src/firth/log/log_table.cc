// Which logs are in memory.
#include <algorithm>
#include <set>

#include "firth/log/log_index.h"

namespace firth::log {

LogStatePtr LogTable::Shell(LogId log) {
  std::lock_guard lock(mutex_);
  return FindOrMake(log);
}

LogStatePtr LogTable::FindOrMake(LogId log) {
  auto& state = logs_[log];
  if (state == nullptr) {
    state = std::make_shared<LogState>(log, &blocks_);
    if (logs_.size() > sweep_at_) {
      const LogStatePtr kept = state;
      Sweep();
      return kept;
    }
  }
  return state;
}

Result<LogStatePtr> LogTable::Get(LogId log) {
  LogStatePtr state;
  uint64_t generation = 0;
  {
    std::lock_guard lock(mutex_);
    state = FindOrMake(log);
    generation = set_->generation;
  }
  state->touched.store(true, std::memory_order_relaxed);
  if (state->generation() == generation) return state;
  std::lock_guard loading(LoadingOf(log));
  const IndexSetPtr now = set();
  if (state->generation() != now->generation) {
    ARROW_RETURN_NOT_OK(state->Load(now, options_->start_of));
  }
  return state;
}

void LogTable::Sweep() {
  // Two looks: what was not touched since the last one goes, if there is too much; what was never
  // loaded, and holds only entries that an index has by now, goes in any case.
  const bool full = logs_.size() > options_->logs_in_memory;
  std::erase_if(logs_, [&](const auto& held) {
    const LogStatePtr& state = held.second;
    if (state.use_count() > 1 || !state->Idle(set_->through)) return false;
    const bool stale = state->generation() != set_->generation;
    return stale || (full && !state->touched.exchange(false));
  });
  sweep_at_ = std::max(options_->logs_in_memory, logs_.size() + logs_.size() / 4);
}

IndexSetPtr LogTable::set() const {
  std::lock_guard lock(mutex_);
  return set_;
}

size_t LogTable::size() const {
  std::lock_guard lock(mutex_);
  return logs_.size();
}

std::vector<LogStatePtr> LogTable::InMemory() const {
  std::lock_guard lock(mutex_);
  std::vector<LogStatePtr> states;
  states.reserve(logs_.size());
  for (const auto& [id, state] : logs_) states.push_back(state);
  return states;
}

void LogTable::AddCommits(std::span<const CommitTime> commits, uint64_t file) {
  std::lock_guard lock(mutex_);
  for (const CommitTime& commit : commits) recent_.emplace_back(commit, file);
}

void LogTable::Publish(IndexSetPtr set) {
  std::lock_guard lock(mutex_);
  while (!recent_.empty() && recent_.front().second <= set->through) recent_.pop_front();
  set_ = std::move(set);
}

Status LogTable::WriteIndex(const LiveFile& file, uint64_t file_bytes, const std::string& path) {
  std::vector<std::pair<LogId, LogStatePtr>> states;
  std::vector<CommitTime> commits;
  IndexSetPtr before;
  {
    std::lock_guard lock(mutex_);
    states.assign(logs_.begin(), logs_.end());
    for (const auto& [commit, in] : recent_) {
      if (in == file.number) commits.push_back(commit);
    }
    before = set_;
  }
  std::sort(states.begin(), states.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  IndexWriter writer(file.number, file_bytes);
  for (const auto& [id, state] : states) {
    const std::vector<IndexEntry> entries = state->EntriesOf(file.number);
    WriterWindow writers;
    for (const IndexEntry& entry : entries) AddSentBy(entry, &writers);
    writer.AddLog(id, entries, writers);
  }
  ARROW_RETURN_NOT_OK(writer.Write(options_->files, path, commits));
  ARROW_ASSIGN_OR_RAISE(auto index,
                        IndexFile::Open(options_->files, path, file.number, file_bytes));
  auto next = std::make_shared<IndexSet>(*before);
  next->files.push_back(std::move(index));
  next->through = file.to;
  ++next->generation;
  const IndexSetPtr now = std::move(next);
  Publish(now);
  // What is in memory need not ask the disk for what was just written there.
  std::span<const IndexRun> runs = writer.runs();
  for (auto& [id, state] : states) {
    size_t count = 0;
    while (!runs.empty() && runs.front().log < id) runs = runs.subspan(1);
    while (count < runs.size() && runs[count].log == id) ++count;
    {
      std::lock_guard loading(LoadingOf(id));
      static_cast<void>(state->Advance(before, now, runs.first(count)));
    }
    state.reset();
  }
  std::lock_guard lock(mutex_);
  Sweep();
  return Status::OK();
}

Result<std::vector<LogId>> LogTable::After(CommitId commit) const {
  std::set<LogId> found;
  for (const auto& file : set()->files) {
    if (file->last_commit() <= commit) continue;
    ARROW_RETURN_NOT_OK(file->ForEachRun([&](const IndexRun& run) {
      if (run.last_commit > commit) found.insert(run.log);
      return Status::OK();
    }));
  }
  std::lock_guard lock(mutex_);
  for (const auto& [id, state] : logs_) {
    if (state->Newest() > commit) found.insert(id);
  }
  return std::vector<LogId>(found.begin(), found.end());
}

Result<CommitId> LogTable::LastCommitAt(int64_t time_ns) const {
  IndexSetPtr set;
  {
    std::lock_guard lock(mutex_);
    set = set_;
    const auto after =
        std::upper_bound(recent_.begin(), recent_.end(), time_ns,
                         [](int64_t t, const auto& recent) { return t < recent.first.time_ns; });
    if (after != recent_.begin()) return std::prev(after)->first.id;
  }
  CommitId last{0};
  for (const auto& file : set->files) {
    ARROW_ASSIGN_OR_RAISE(const CommitId found, file->LastCommitAt(time_ns));
    last = std::max(last, found);
  }
  return last;
}

}  // namespace firth::log
