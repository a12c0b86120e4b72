#include "firth/log/committer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firth/common/later.h"
#include "firth/common/logging.h"

namespace firth::log {
namespace {

// A group of many small commits is bounded by its number as well as by its bytes, so that the first
// of them is not kept waiting while the rest are prepared.
constexpr size_t kGroupCommitsMax = 4096;

uint64_t BytesOf(const CommitDraft& draft) {
  uint64_t bytes = 0;
  for (const EntryDraft& entry : draft.entries) {
    bytes += static_cast<uint64_t>(entry.body->size()) + entry.side.size();
  }
  return bytes;
}

}  // namespace

Committer::Committer(const LogOptions* options, Journal* journal, LogTable* logs,
                     Followers* followers)
    : options_(options), journal_(journal), logs_(logs), followers_(followers) {}

void Committer::Begin(CommitId last, int64_t last_time_ns) {
  last_id_ = last;
  last_given_time_ns_ = last_time_ns;
  last_visible_ = last.value;
  last_visible_time_ns_ = last_time_ns;
}

void Committer::Submit(CommitDraft draft, LogStore::CommitDone done) {
  auto pending = std::make_unique<Pending>();
  pending->bytes = BytesOf(draft);
  pending->draft = std::move(draft);
  std::unique_lock lock(mutex_);
  Status refused;
  if (!fatal_.ok()) {
    refused = fatal_;
  } else if (closing_) {
    refused = Error(Code::kUnavailable, Reason::kNone, "the store is closing");
  } else if (queue_bytes_ > 0 && queue_bytes_ + pending->bytes > options_->queue_bytes_max) {
    refused = Error(Code::kResourceExhausted, Reason::kOverBudget,
                    "too much waits to be written: " + std::to_string(queue_bytes_) +
                        " bytes; send less at a time, or try again");
  }
  if (!refused.ok()) {
    lock.unlock();
    return done(refused);
  }
  pending->done = std::move(done);
  queue_bytes_ += pending->bytes;
  queue_.push_back(std::move(pending));
  if (std::exchange(running_, true)) return;
  lock.unlock();
  // What this thread brings with it shall be in the same group.
  Later::Do([this] { options_->writer->Post([this] { RunGroup(); }); });
}

void Committer::Drain() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  idle_.wait(lock, [this] { return !running_; });
}

Status Committer::fatal() const {
  std::lock_guard lock(mutex_);
  return fatal_;
}

Metrics Committer::GetMetrics() const {
  Metrics metrics;
  metrics.commits = commits_;
  metrics.groups = groups_;
  metrics.entries = entries_;
  metrics.bytes = bytes_;
  std::lock_guard lock(mutex_);
  metrics.queue_bytes = queue_bytes_;
  return metrics;
}

std::vector<Committer::PendingPtr> Committer::TakeGroup() {
  std::vector<PendingPtr> group;
  uint64_t bytes = 0;
  // Two commits that both have entries and change the catalog never share a group: if the first
  // were refused by the catalog, the second's offsets would leave a hole.
  bool changing = false;
  std::lock_guard lock(mutex_);
  while (!queue_.empty() && group.size() < kGroupCommitsMax) {
    const Pending& next = *queue_.front();
    if (!group.empty() && bytes + next.bytes > options_->group_bytes_max) break;
    const bool both = next.draft.catalog != nullptr && !next.draft.entries.empty();
    if (both && changing) break;
    changing |= both;
    bytes += next.bytes;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

Status Committer::AdmitEntries(Pending* pending, bool* duplicate) {
  pending->result.entries.resize(pending->draft.entries.size());
  size_t repeated = 0;
  for (size_t i = 0; i < pending->draft.entries.size(); ++i) {
    const EntryDraft& entry = pending->draft.entries[i];
    ARROW_ASSIGN_OR_RAISE(LogStatePtr log, logs_->Get(entry.log));
    pending->logs.push_back(log);
    if (entry.writer_id == kNoWriter) {
      ARROW_RETURN_NOT_OK(log->closed());
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto answer, log->Judge(entry.writer_id, entry.sequence));
    if (answer.verdict == WriterWindow::Verdict::kOutOfOrder) {
      return Error(Code::kFailedPrecondition, Reason::kOutOfOrderSequence,
                   "writer " + std::to_string(entry.writer_id.value) + " sent batch " +
                       std::to_string(entry.sequence) + " where " +
                       std::to_string(answer.expected) + " was due");
    }
    if (answer.verdict == WriterWindow::Verdict::kDuplicate) {
      ++repeated;
      pending->result.entries[i] = answer.first;
      pending->result.id = answer.commit;
      pending->result.time_ns = answer.time_ns;
    }
  }
  // A commit is atomic, so a true repeat repeats all of it.
  if (repeated != 0 && repeated != pending->draft.entries.size()) {
    return Error(Code::kFailedPrecondition, Reason::kOutOfOrderSequence,
                 "some batches of this commit were sent before and some were not");
  }
  *duplicate = repeated != 0;
  return Status::OK();
}

bool Committer::Admit(Pending* pending, std::vector<Pending*>* duplicates) {
  bool duplicate = false;
  Status status = AdmitEntries(pending, &duplicate);
  if (status.ok() && !duplicate && pending->draft.check != nullptr) {
    status = pending->draft.check();
  }
  if (!status.ok()) {
    Answer(pending, std::move(status));
    return false;
  }
  if (duplicate) {
    duplicates->push_back(pending);  // its first commit may be in this very group
    return false;
  }
  Assign(pending);
  return true;
}

void Committer::Assign(Pending* pending) {
  last_id_ = CommitId(last_id_.value + 1);
  last_given_time_ns_ = std::max(options_->clock->NowNs(), last_given_time_ns_ + 1);
  pending->result.id = last_id_;
  pending->result.time_ns = last_given_time_ns_;
  for (size_t i = 0; i < pending->draft.entries.size(); ++i) {
    const EntryDraft& entry = pending->draft.entries[i];
    LogState* log = pending->logs[i].get();
    EntryResult& result = pending->result.entries[i];
    result.base_offset = log->next;
    log->next = Offset(log->next.value + entry.offsets);
    result.end_offset = log->next;
    if (entry.writer_id != kNoWriter) {
      log->AddSent(entry.writer_id, {.sequence = entry.sequence,
                                     .base = result.base_offset,
                                     .end = result.end_offset,
                                     .commit = last_id_,
                                     .time_ns = last_given_time_ns_});
    }
  }
}

void Committer::TakeBack(const Pending& pending) {
  for (size_t i = pending.draft.entries.size(); i-- > 0;) {
    const EntryDraft& entry = pending.draft.entries[i];
    LogState* log = pending.logs[i].get();
    log->next = pending.result.entries[i].base_offset;
    if (entry.writer_id != kNoWriter) log->TakeBackSent(entry.writer_id);
  }
}

Status Committer::WriteGroup(const std::vector<Pending*>& writing) {
  uint64_t bytes = 0;
  uint64_t entries = 0;
  for (const Pending* pending : writing) {
    entries += pending->draft.entries.size();
    bytes += RecordBytesMax(pending->draft.entries, journal_->align_bytes());
  }
  if (Status prepared = journal_->Prepare(bytes, entries); !prepared.ok()) {
    // For want of room this group is refused, and the next one may fit.
    if (journal_->broken() || ReasonOf(prepared) != Reason::kDiskFull) Fail(prepared);
    return prepared;
  }
  // From here on a failure is final: nobody knows what is on the disk.
  std::vector<store::HeldBytes> parts;
  uint64_t at = journal_->position();
  const uint64_t group_start = at;
  Assigned assigned;
  assigned.group_start = group_start;
  for (Pending* pending : writing) {
    assigned.id = pending->result.id;
    assigned.time_ns = pending->result.time_ns;
    assigned.base_offsets.clear();
    for (const EntryResult& entry : pending->result.entries) {
      assigned.base_offsets.push_back(entry.base_offset);
    }
    const uint32_t flags = pending->draft.catalog != nullptr ? kCommitHasCatalog : 0;
    pending->image.emplace(pending->draft.entries, flags, assigned,
                           RecordPlace{.at = at, .align_bytes = journal_->align_bytes()});
    pending->at = at;
    at += pending->image->bytes();
    pending->image->AddParts(&parts);
  }
  FIRTH_CHECK(at - group_start <= bytes);
  bytes = at - group_start;
  if (Status written = journal_->Append(parts, bytes); !written.ok()) {
    Fail(written);
    return written;
  }
  bytes_ += bytes;
  last_written_ = writing.back()->result.id;
  return Status::OK();
}

/// Those of one file, in their order.
void Committer::Publish(const std::vector<Pending*>& written) {
  if (written.empty()) return;
  std::vector<CommitTime> commits;
  commits.reserve(written.size());
  for (Pending* const pending : written) {
    PublishEntries(pending);
    if (pending->draft.entries.empty()) continue;
    commits.push_back({.id = pending->result.id, .time_ns = pending->result.time_ns});
  }
  if (!commits.empty()) logs_->AddCommits(commits, journal_->file_number());
  commits_ += written.size();
  last_visible_time_ns_ = written.back()->result.time_ns;
  last_visible_ = written.back()->result.id.value;
}

void Committer::PublishEntries(Pending* pending) {
  auto header_at = static_cast<uint32_t>(kCommitHeaderBytes);
  for (size_t i = 0; i < pending->draft.entries.size(); ++i) {
    const EntryDraft& draft = pending->draft.entries[i];
    IndexEntry entry;
    entry.base_offset = pending->result.entries[i].base_offset;
    entry.commit = pending->result.id;
    entry.commit_time_ns = pending->result.time_ns;
    entry.record_at = pending->at;
    entry.body_at = pending->at + pending->image->body_at(header_at);
    entry.file = journal_->file_number();
    entry.body_checksum = pending->image->body_checksum(header_at);
    entry.header_at = header_at;
    header_at += static_cast<uint32_t>(kEntryHeaderBytes + Align8(draft.side.size()));
    entry.body_bytes = static_cast<uint32_t>(draft.body->size());
    entry.offsets = draft.offsets;
    entry.rows = draft.rows;
    entry.sequence = draft.sequence;
    entry.writer_id = draft.writer_id;
    entry.schema_id = draft.schema_id;
    entry.kind = draft.kind;
    entry.record_time_min_ns = draft.record_time_min_ns;
    entry.record_time_max_ns = draft.record_time_max_ns;
    entry.has_side = !draft.side.empty();
    const Status appended = pending->logs[i]->Append(entry);
    FIRTH_CHECK(appended.ok());
    ends_.push_back({.log = draft.log, .offset = pending->result.entries[i].end_offset});
  }
  entries_ += pending->draft.entries.size();
}

void Committer::Answer(Pending* pending, Status status) {
  if (pending->done == nullptr) return;
  auto done = std::move(pending->done);
  pending->done = nullptr;
  if (status.ok()) {
    done(std::move(pending->result));
  } else {
    done(std::move(status));
  }
}

void Committer::CloseLogs(const std::vector<ClosedLogs>& closed) {
  for (const ClosedLogs& logs : closed) {
    FIRTH_CHECK(!logs.answer.ok());
    if (logs.dropped) ++drops_;
    for (int32_t i = 0; i < logs.count; ++i) {
      const LogId id(logs.first.value + i);
      logs_->Shell(id)->Close(logs.answer);
      if (logs.dropped) ends_.push_back({.log = id, .offset = Offset(INT64_MAX)});
    }
  }
}

void Committer::ApplyCatalog(const std::vector<Pending*>& changing) {
  std::vector<CatalogCommit> commits;
  for (const Pending* pending : changing) {
    commits.push_back({.id = pending->result.id,
                       .time_ns = pending->result.time_ns,
                       .journal_file = pending->draft.entries.empty() ? 0 : journal_->file_number(),
                       .part = pending->draft.catalog.get()});
    for (const EntryDraft& entry : pending->draft.entries) {
      commits.back().logs.push_back(entry.log);
    }
  }
  const Status applied = options_->apply(&commits);
  if (!applied.ok() && ReasonOf(applied) != Reason::kDiskFull) Fail(applied);
  for (size_t i = 0; i < changing.size(); ++i) {
    const Status result = applied.ok() ? commits[i].result : applied;
    if (result.ok()) {
      Publish({changing[i]});
      CloseLogs(commits[i].closed);
    } else {
      TakeBack(*changing[i]);
    }
    Answer(changing[i], result);
  }
}

void Committer::RunGroup() {
  group_ = TakeGroup();
  const uint64_t file = journal_->file_number();
  ++groups_;
  // Commits with catalog changes come last, so that dropping one moves no other's offsets.
  std::stable_partition(group_.begin(), group_.end(), [](const PendingPtr& pending) {
    return pending->draft.catalog == nullptr;
  });
  std::vector<Pending*> duplicates;
  std::vector<Pending*> plain;
  std::vector<Pending*> changing;
  std::vector<Pending*> writing;
  for (auto& pending : group_) {
    if (!Admit(pending.get(), &duplicates)) continue;
    (pending->draft.catalog == nullptr ? plain : changing).push_back(pending.get());
    if (!pending->draft.entries.empty()) writing.push_back(pending.get());
  }
  Status written = writing.empty() ? Status::OK() : WriteGroup(writing);
  if (!written.ok()) {
    for (auto it = changing.rbegin(); it != changing.rend(); ++it) TakeBack(**it);
    for (auto it = plain.rbegin(); it != plain.rend(); ++it) TakeBack(**it);
    for (auto& pending : group_) Answer(pending.get(), written);
  } else {
    Publish(plain);
    {
      const Later later;  // who waited for one sync is answered at once
      for (Pending* pending : plain) Answer(pending, Status::OK());
      for (Pending* pending : duplicates) Answer(pending, Status::OK());
    }
    if (!changing.empty()) ApplyCatalog(changing);
    followers_->Wake(ends_);
    ends_.clear();
    if (listener_ != nullptr) listener_(last_commit());
  }
  uint64_t bytes = 0;
  for (const auto& pending : group_) bytes += pending->bytes;
  group_.clear();
  if (journal_->file_number() != file && rolled_ != nullptr) rolled_();
  std::lock_guard lock(mutex_);
  queue_bytes_ -= bytes;
  if (queue_.empty() || !fatal_.ok()) {
    running_ = false;
    idle_.notify_all();
  } else {
    options_->writer->Post([this] { RunGroup(); });
  }
}

void Committer::Fail(const Status& status) {
  std::deque<PendingPtr> refused;
  {
    std::lock_guard lock(mutex_);
    if (!fatal_.ok()) return;
    fatal_ = status;
    refused.swap(queue_);
    for (const auto& pending : refused) queue_bytes_ -= pending->bytes;
  }
  logging::Error("log", "the journal can no longer be made durable: {}", status.message());
  for (auto& pending : refused) Answer(pending.get(), status);
  if (options_->on_fatal != nullptr) options_->on_fatal(status);
}

}  // namespace firth::log
