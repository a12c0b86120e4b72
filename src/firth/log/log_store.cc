#include "firth/log/log_store.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <string>
#include <utility>

#include "firth/log/batch.h"
#include "firth/log/committer.h"
#include "firth/log/followers.h"
#include "firth/log/journal.h"

namespace firth::log {
namespace {

// Entries that lie this close together are fetched by one read.
constexpr uint64_t kReadGapBytesMax = 16 << 10;

Status Damaged(const std::string& file, uint64_t at, const char* what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               file + " is damaged at byte " + std::to_string(at) + ": " + what);
}

class LogStoreImpl : public LogStore {
 public:
  explicit LogStoreImpl(LogOptions options)
      : options_(std::move(options)), followers_(options_.notifier) {}
  ~LogStoreImpl() override {
    if (committer_ != nullptr) static_cast<void>(Close());
  }

  Status Recover() {
    if (options_.starts != nullptr) {
      ARROW_ASSIGN_OR_RAISE(const auto starts, options_.starts());
      for (const LogStart& start : starts) {
        LogState* log = logs_.Get(start.log);
        log->SetStart(start.start);
        log->next = start.start;
      }
    }
    CommitId last = options_.last_commit_in_catalog;
    int64_t last_time_ns = options_.last_time_ns_in_catalog;
    const auto visit = [&](const RecoveredCommit& record) -> Status {
      last = std::max(last, record.commit.id);
      last_time_ns = std::max(last_time_ns, record.commit.time_ns);
      return Replay(record);
    };
    JournalOptions journal{.files = options_.files,
                           .clock = options_.clock,
                           .folder = options_.folder,
                           .file_bytes_max = options_.file_bytes_max,
                           .reserve_bytes = options_.reserve_bytes};
    ARROW_ASSIGN_OR_RAISE(journal_, Journal::Open(std::move(journal), visit));
    committer_ = std::make_unique<Committer>(&options_, journal_.get(), &logs_, &followers_);
    committer_->Begin(last, last_time_ns);
    return Status::OK();
  }

  void Commit(CommitDraft draft, CommitDone done) override {
    committer_->Submit(std::move(draft), std::move(done));
  }

  LogRange Range(LogId log) const override {
    const LogState* state = logs_.Find(log);
    return state == nullptr ? LogRange{} : state->Range();
  }

  Result<std::vector<StoredEntry>> Read(LogId log, Offset from,
                                        const ReadOptions& options) const override {
    const LogState* state = logs_.Find(log);
    if (state == nullptr) {
      if (from == Offset(0)) return std::vector<StoredEntry>();
      return LogState(log).Plan(from, options).status();
    }
    ARROW_ASSIGN_OR_RAISE(const auto plan, state->Plan(from, options));
    return ReadPlan(log, plan);
  }

  Result<std::vector<StoredEntry>> ReadAfter(LogId log, CommitId after,
                                             const ReadOptions& options) const override {
    const LogState* state = logs_.Find(log);
    if (state == nullptr) return std::vector<StoredEntry>();
    return ReadPlan(log, state->PlanAfter(after, options));
  }

  Result<std::vector<StoredEntry>> ReadPlan(LogId log, const std::vector<IndexEntry>& plan) const {
    std::vector<StoredEntry> entries;
    entries.reserve(plan.size());
    for (size_t begin = 0; begin < plan.size();) {
      size_t end = begin + 1;
      while (end < plan.size() && plan[end].file == plan[begin].file &&
             plan[end].body_at >= plan[end - 1].body_at + plan[end - 1].body_bytes &&
             plan[end].body_at - plan[end - 1].body_at - plan[end - 1].body_bytes <=
                 kReadGapBytesMax) {
        ++end;
      }
      ARROW_RETURN_NOT_OK(ReadRun(log, plan, begin, end, &entries));
      begin = end;
    }
    return entries;
  }

  std::vector<EntryFacts> List(LogId log, CommitId after, CommitId up_to) const override {
    std::vector<EntryFacts> listed;
    const LogState* state = logs_.Find(log);
    if (state == nullptr) return listed;
    const auto plan = state->PlanAfter(after, {.bytes_max = UINT64_MAX, .up_to = up_to});
    listed.reserve(plan.size());
    for (const IndexEntry& entry : plan) {
      listed.push_back({.kind = entry.kind,
                        .schema_id = entry.schema_id,
                        .rows = entry.rows,
                        .offsets = entry.offsets,
                        .body_bytes = entry.body_bytes,
                        .base_offset = entry.base_offset,
                        .commit = entry.commit,
                        .commit_time_ns = entry.commit_time_ns});
    }
    return listed;
  }
  CommitId LastCommitAt(int64_t time_ns) const override { return logs_.LastCommitAt(time_ns); }

  Offset OffsetAtTime(LogId log, int64_t time_ns) const override {
    const LogState* state = logs_.Find(log);
    return state == nullptr ? Offset(0) : state->OffsetAtTime(time_ns);
  }
  Offset OffsetAfterCommit(LogId log, CommitId commit) const override {
    const LogState* state = logs_.Find(log);
    return state == nullptr ? Offset(0) : state->OffsetAfterCommit(commit);
  }
  std::vector<LogId> LogsAfter(CommitId commit) const override { return logs_.After(commit); }
  std::optional<int32_t> LastSequence(LogId log, WriterId writer) const override {
    const LogState* state = logs_.Find(log);
    return state == nullptr ? std::nullopt : state->LastSequence(writer);
  }
  uint64_t BytesBetween(LogId log, Offset from, Offset to) const override {
    const LogState* state = logs_.Find(log);
    return state == nullptr ? 0 : state->BytesBetween(from, to);
  }

  uint64_t Follow(std::vector<FollowPoint> points, std::function<void()> wake) override {
    // Parked first and looked at second, so that an append between the two is not missed.
    const auto looked_at = points;
    const uint64_t id = followers_.Park(std::move(points), std::move(wake));
    for (const FollowPoint& point : looked_at) {
      if (Range(point.log).end > point.offset) {
        followers_.WakeOne(id);
        break;
      }
    }
    return id;
  }
  void Unfollow(uint64_t follower) override { followers_.Remove(follower); }
  void OnDurable(std::function<void(CommitId)> listener) override {
    committer_->SetListener(std::move(listener));
  }

  CommitId LastCommit() const override { return committer_->last_commit(); }
  int64_t LastCommitTimeNs() const override { return committer_->last_time_ns(); }

  Metrics GetMetrics() const override {
    Metrics metrics = committer_->GetMetrics();
    metrics.syncs = journal_->syncs();
    metrics.journal_files = journal_->file_count();
    metrics.followers = followers_.size();
    return metrics;
  }

  Status Close() override {
    if (closed_.exchange(true)) return Status::OK();
    committer_->Drain();
    followers_.WakeAll();
    return journal_->Close(committer_->last_commit(), committer_->last_time_ns());
  }

 private:
  /// Take one commit that the journal holds into the logs.
  Status Replay(const RecoveredCommit& record) {
    if ((record.commit.flags & kCommitHasCatalog) != 0) {
      ARROW_ASSIGN_OR_RAISE(const bool named, options_.is_named(record.commit.id));
      if (!named) return Status::OK();  // the catalog never made it so: its offsets are given again
    }
    for (size_t i = 0; i < record.entries.size(); ++i) {
      const ParsedEntry& parsed = record.entries[i];
      const StoredEntry& stored = parsed.entry;
      LogState* log = logs_.Get(stored.log);
      if (stored.end_offset() <= log->Range().start && stored.offsets > 0) continue;  // trimmed
      IndexEntry entry;
      entry.base_offset = stored.base_offset;
      entry.commit = stored.commit;
      entry.commit_time_ns = stored.commit_time_ns;
      entry.record_at = record.at;
      entry.body_at = record.at + parsed.body_at;
      entry.file = record.file;
      entry.body_checksum = parsed.body_checksum;
      entry.header_at = record.header_at[i];
      entry.body_bytes = parsed.body_bytes;
      entry.offsets = stored.offsets;
      entry.rows = stored.rows;
      entry.sequence = stored.sequence;
      entry.writer_id = stored.writer_id;
      entry.schema_id = stored.schema_id;
      entry.kind = stored.kind;
      entry.needs_header =
          !stored.side.empty() || stored.record_time_min_ns <= stored.record_time_max_ns;
      ARROW_RETURN_NOT_OK(log->Append(entry));
      log->next = stored.end_offset();
      if (stored.writer_id != kNoWriter) {
        log->AddSent(stored.writer_id, stored.sequence, stored.base_offset, stored.end_offset(),
                     stored.commit, stored.commit_time_ns, options_.writer_window);
      }
    }
    return Status::OK();
  }

  /// Read plan[begin, end), which lies in one stretch of one file, and verify each entry.
  Status ReadRun(LogId log, const std::vector<IndexEntry>& plan, size_t begin, size_t end,
                 std::vector<StoredEntry>* out) const {
    ARROW_ASSIGN_OR_RAISE(const auto file, journal_->FileByNumber(plan[begin].file));
    const uint64_t from = plan[begin].body_at;
    const uint64_t to = plan[end - 1].body_at + plan[end - 1].body_bytes;
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> run,
                          arrow::AllocateBuffer(static_cast<int64_t>(to - from)));
    auto* bytes = reinterpret_cast<std::byte*>(run->mutable_data());
    ARROW_RETURN_NOT_OK(file->Read(from, std::span(bytes, to - from)));
    for (size_t i = begin; i < end; ++i) {
      const IndexEntry& entry = plan[i];
      const Bytes body(bytes + (entry.body_at - from), entry.body_bytes);
      if (!VerifyBody(entry.kind, entry.body_checksum, body).ok()) {
        return Damaged(file->name(), entry.body_at, "an entry does not match its checksum");
      }
      if (entry.kind == EntryKind::kRows &&
          AsText(body.first(kBatchPatchedBytes)) !=
              BatchFront(entry.body_bytes, entry.base_offset, entry.commit_time_ns,
                         static_cast<uint32_t>(entry.body_checksum))) {
        return Damaged(file->name(), entry.body_at, "a batch's assigned fields were changed");
      }
      StoredEntry stored;
      stored.log = log;
      stored.kind = entry.kind;
      stored.schema_id = entry.schema_id;
      stored.rows = entry.rows;
      stored.offsets = entry.offsets;
      stored.base_offset = entry.base_offset;
      stored.commit = entry.commit;
      stored.commit_time_ns = entry.commit_time_ns;
      stored.writer_id = entry.writer_id;
      stored.sequence = entry.sequence;
      stored.body =
          arrow::SliceBuffer(run, static_cast<int64_t>(entry.body_at - from), entry.body_bytes);
      if (entry.needs_header) ARROW_RETURN_NOT_OK(ReadHeader(*file, entry, &stored));
      out->push_back(std::move(stored));
    }
    return Status::OK();
  }

  /// Read what only the entry header holds. The whole record's headers are read and verified: their
  /// checksum covers them together.
  Status ReadHeader(const store::File& file, const IndexEntry& entry, StoredEntry* stored) const {
    std::string headers(kCommitHeaderBytes, '\0');
    const auto writable = [&headers] {
      return std::as_writable_bytes(std::span(headers.data(), headers.size()));
    };
    ARROW_RETURN_NOT_OK(file.Read(entry.record_at, writable()));
    ARROW_ASSIGN_OR_RAISE(const ParsedCommit commit, ParseCommitHeader(AsBytes(headers)));
    headers.resize(kCommitHeaderBytes + commit.headers_bytes);
    ARROW_RETURN_NOT_OK(
        file.Read(entry.record_at + kCommitHeaderBytes, writable().subspan(kCommitHeaderBytes)));
    const auto fronts = [&](const std::vector<ParsedEntry>& entries) -> Result<std::string> {
      std::string all;
      for (const ParsedEntry& parsed : entries) {
        if (parsed.entry.kind != EntryKind::kRows) continue;
        std::string front(kBatchPatchedBytes, '\0');
        ARROW_RETURN_NOT_OK(
            file.Read(entry.record_at + parsed.body_at,
                      std::as_writable_bytes(std::span(front.data(), front.size()))));
        all += front;
      }
      return all;
    };
    auto entries = ParseEntries(commit, AsBytes(headers), fronts);
    if (!entries.ok()) {
      return Damaged(file.name(), entry.record_at, entries.status().message().c_str());
    }
    uint32_t at = kCommitHeaderBytes;
    for (ParsedEntry& parsed : *entries) {
      if (at == entry.header_at) {
        stored->record_time_min_ns = parsed.entry.record_time_min_ns;
        stored->record_time_max_ns = parsed.entry.record_time_max_ns;
        stored->side = std::move(parsed.entry.side);
        return Status::OK();
      }
      at += static_cast<uint32_t>(kEntryHeaderBytes + Align8(parsed.entry.side.size()));
    }
    return Damaged(file.name(), entry.record_at, "an entry header is not where it was");
  }

  const LogOptions options_;
  LogTable logs_;
  Followers followers_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Committer> committer_;
  std::atomic<bool> closed_{false};
};

}  // namespace

Result<std::unique_ptr<LogStore>> LogStore::Open(LogOptions options) {
  auto store = std::make_unique<LogStoreImpl>(std::move(options));
  ARROW_RETURN_NOT_OK(store->Recover());
  return std::unique_ptr<LogStore>(std::move(store));
}

}  // namespace firth::log
