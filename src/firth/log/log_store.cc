#include "firth/log/log_store.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "firth/common/logging.h"
#include "firth/log/batch.h"
#include "firth/log/committer.h"
#include "firth/log/followers.h"
#include "firth/log/journal.h"
#include "firth/log/rewrite.h"
#include "firth/log/run_memory.h"
#include "firth/log/start_up.h"

namespace firth::log {
namespace {

// Entries that lie this close together are fetched by one read.
constexpr uint64_t kReadGapBytesMax = 16 << 10;

Status Damaged(const std::string& file, uint64_t at, const char* what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               file + " is damaged at byte " + std::to_string(at) + ": " + what);
}

uint64_t EndOf(const IndexEntry& entry) {
  return entry.body_at + entry.body_bytes;
}

/// What an executor still holds when the store is closed does nothing.
struct Gate {
  std::mutex mutex;
  bool closed = false;  // guarded by mutex
};

class LogStoreImpl : public LogStore {
 public:
  explicit LogStoreImpl(LogOptions options)
      : options_(std::move(options)), logs_(&options_), followers_(options_.notifier) {}
  ~LogStoreImpl() override {
    if (committer_ != nullptr) static_cast<void>(Close());
  }

  Status Recover() {
    ARROW_ASSIGN_OR_RAISE(journal_, Journal::Open({.files = options_.files,
                                                   .clock = options_.clock,
                                                   .folder = options_.folder,
                                                   .file_bytes_max = options_.file_bytes_max,
                                                   .file_entries_max = options_.file_entries_max,
                                                   .reserve_bytes = options_.reserve_bytes,
                                                   .recent_bytes = options_.recent_bytes,
                                                   .live = options_.live_files,
                                                   .keep_live = options_.keep_live_files,
                                                   .end = options_.journal_end,
                                                   .keep_end = options_.keep_journal_end}));
    StartUp start(&options_, journal_.get(), &logs_);
    ARROW_RETURN_NOT_OK(start.Run());
    committer_ = std::make_unique<Committer>(&options_, journal_.get(), &logs_, &followers_);
    committer_->Begin(start.last(), start.last_time_ns());
    committer_->OnRolled([this] {
      options_.notifier->Post([this, gate = gate_] {
        std::lock_guard open(gate->mutex);
        if (gate->closed) return;
        if (Status indexed = IndexClosedFiles(); !indexed.ok()) {
          logging::Warning("log", "an index is not written yet: {}", indexed.message());
        }
      });
    });
    return Status::OK();
  }

  void Commit(CommitDraft draft, CommitDone done) override {
    committer_->Submit(std::move(draft), std::move(done));
  }

  Result<LogRange> Range(LogId log) const override {
    ARROW_ASSIGN_OR_RAISE(const LogStatePtr state, logs_.Get(log));
    return state->Range();
  }

  Result<std::vector<StoredEntry>> Read(LogId log, Offset from,
                                        const ReadOptions& options) const override {
    return ReadPlanned(log, [&](const LogState& state) { return state.Plan(from, options); });
  }

  Result<std::vector<StoredEntry>> ReadAfter(LogId log, CommitId after,
                                             const ReadOptions& options) const override {
    return ReadPlanned(log, [&](const LogState& state) { return state.PlanAfter(after, options); });
  }

  template <typename Plan>
  Result<std::vector<StoredEntry>> ReadPlanned(LogId log, const Plan& plan) const {
    // A file may be replaced by a rewritten one between the plan and the reading.
    for (int attempt = 0;; ++attempt) {
      ARROW_ASSIGN_OR_RAISE(const LogStatePtr state, logs_.Get(log));
      ARROW_ASSIGN_OR_RAISE(const auto planned, plan(*state));
      auto read = ReadPlan(log, planned);
      if (ReasonOf(read.status()) != Reason::kFileMissing || attempt == 3) return read;
    }
  }

  Result<std::vector<StoredEntry>> ReadPlan(LogId log, const std::vector<IndexEntry>& plan) const {
    std::vector<StoredEntry> entries;
    entries.reserve(plan.size());
    uint64_t bytes = 0;
    for (const IndexEntry& entry : plan) bytes += entry.body_bytes;
    RunMemory memory(journal_->read_memory(), bytes);
    for (size_t begin = 0; begin < plan.size();) {
      const uint64_t from = plan[begin].body_at;
      size_t end = begin + 1;
      while (end < plan.size() && plan[end].file == plan[begin].file &&
             plan[end].body_at >= EndOf(plan[end - 1]) &&
             plan[end].body_at - EndOf(plan[end - 1]) <= kReadGapBytesMax &&
             EndOf(plan[end]) - from <= memory.run_bytes_max()) {
        ++end;
      }
      ARROW_RETURN_NOT_OK(ReadRun(log, plan, begin, end, &memory, &entries));
      begin = end;
    }
    return entries;
  }

  Result<std::vector<EntryFacts>> List(LogId log, CommitId after, CommitId up_to) const override {
    ARROW_ASSIGN_OR_RAISE(const LogStatePtr state, logs_.Get(log));
    ARROW_ASSIGN_OR_RAISE(const auto plan,
                          state->PlanAfter(after, {.bytes_max = UINT64_MAX, .up_to = up_to}));
    std::vector<EntryFacts> listed;
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
  Result<CommitId> LastCommitAt(int64_t time_ns) const override {
    return logs_.LastCommitAt(time_ns);
  }
  Result<Offset> OffsetAtTime(LogId log, int64_t time_ns) const override {
    ARROW_ASSIGN_OR_RAISE(const LogStatePtr state, logs_.Get(log));
    return state->OffsetAtTime(time_ns);
  }
  Result<Offset> OffsetAtRecordTime(LogId log, int64_t time_ns) const override {
    ARROW_ASSIGN_OR_RAISE(const LogStatePtr state, logs_.Get(log));
    return state->OffsetAtRecordTime(time_ns);
  }
  Result<Offset> OffsetOfLastBytes(LogId log, uint64_t bytes) const override {
    ARROW_ASSIGN_OR_RAISE(const LogStatePtr state, logs_.Get(log));
    return state->OffsetOfLastBytes(bytes);
  }
  Result<Offset> OffsetAfterCommit(LogId log, CommitId commit) const override {
    ARROW_ASSIGN_OR_RAISE(const LogStatePtr state, logs_.Get(log));
    return state->OffsetAfterCommit(commit);
  }
  Result<std::vector<LogId>> LogsAfter(CommitId commit) const override {
    return logs_.After(commit);
  }
  Result<std::optional<int32_t>> LastSequence(LogId log, WriterId writer) const override {
    ARROW_ASSIGN_OR_RAISE(const LogStatePtr state, logs_.Get(log));
    return state->LastSequence(writer);
  }
  Result<uint64_t> BytesBetween(LogId log, Offset from, Offset to) const override {
    ARROW_ASSIGN_OR_RAISE(const LogStatePtr state, logs_.Get(log));
    return state->BytesBetween(from, to);
  }

  Status TrimLogs(const std::vector<Trim>& trims) override {
    if (options_.keep_starts == nullptr) {
      return Error(Code::kFailedPrecondition, Reason::kNone, "there is nowhere to keep starts");
    }
    std::lock_guard lock(maintenance_mutex_);
    std::vector<LogStart> starts;
    std::vector<LogStatePtr> states;
    for (const Trim& trim : trims) {
      ARROW_ASSIGN_OR_RAISE(LogStatePtr state, logs_.Get(trim.log));
      ARROW_ASSIGN_OR_RAISE(auto start, state->StartAt(trim.to));
      if (!start.has_value()) continue;
      starts.push_back(*std::move(start));
      states.push_back(std::move(state));
    }
    if (starts.empty()) return Status::OK();
    ARROW_RETURN_NOT_OK(options_.keep_starts(starts));
    for (size_t i = 0; i < starts.size(); ++i) states[i]->SetStart(starts[i]);
    ++trims_;
    return Status::OK();
  }

  Status Rewrite() override {
    std::lock_guard lock(maintenance_mutex_);
    if (pins_ > 0) return Status::OK();
    ARROW_RETURN_NOT_OK(IndexClosedFilesLocked());
    // Looking at every run of every index is for when something may have become of no use.
    const auto state = std::make_tuple(logs_.set()->generation, trims_, committer_->drops());
    if (rewritten_at_ == state) return Status::OK();
    ARROW_RETURN_NOT_OK(Rewriter(&options_, journal_.get(), &logs_).Run());
    rewritten_at_ = {logs_.set()->generation, std::get<1>(state), std::get<2>(state)};
    return Status::OK();
  }

  Result<Verified> Verify() override {
    std::lock_guard lock(maintenance_mutex_);
    return VerifyFiles(journal_.get(), logs_.set());
  }

  void Pin(std::function<void(const Pinned&)> now) override {
    {
      std::lock_guard lock(maintenance_mutex_);
      ++pins_;
    }
    options_.writer->Post([this, now = std::move(now)] {
      Pinned pinned{.last_commit = committer_->last_commit()};
      pinned.mark_content = journal_->MarkContent();
      pinned.mark = {.path = journal_->MarkPath(), .bytes = pinned.mark_content.size()};
      const IndexSetPtr set = logs_.set();
      for (const LiveFile& file : journal_->live()) {
        const bool current = file.number == journal_->file_number();
        pinned.files.push_back(
            {.path = journal_->PathOf(file.number),
             .bytes = current ? journal_->position() : journal_->BytesOf(file.number)});
        // An index that goes with it saves the scan; without one it is made again.
        if (file.to > set->through) continue;
        const std::string index = journal_->IndexPathOf(file.number);
        const auto opened = options_.files->Open(index);
        const uint64_t bytes = opened.ok() ? (*opened)->Size().ValueOr(0) : 0;
        if (bytes > 0) pinned.files.push_back({.path = index, .bytes = bytes});
      }
      now(pinned);
    });
  }
  void Unpin() override {
    std::lock_guard lock(maintenance_mutex_);
    --pins_;
  }

  uint64_t Follow(std::vector<FollowPoint> points, std::function<void()> wake) override {
    // Parked first and looked at second, so that an append between the two is not missed.
    const auto looked_at = points;
    const uint64_t id = followers_.Park(std::move(points), std::move(wake));
    for (const FollowPoint& point : looked_at) {
      const auto range = Range(point.log);
      // One that cannot be read is to be looked at, which will say why.
      if (!range.ok() || range->end > point.offset) {
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
    metrics.logs_in_memory = logs_.size();
    metrics.followers = followers_.size();
    return metrics;
  }

  Status Close() override {
    if (closed_.exchange(true)) return Status::OK();
    committer_->Drain();
    {
      std::lock_guard open(gate_->mutex);
      gate_->closed = true;
    }
    followers_.WakeAll();
    // What cannot be known any more is for the next start to settle, from what lies there.
    ARROW_RETURN_NOT_OK(committer_->fatal());
    return journal_->Close(committer_->last_written(), committer_->last_time_ns());
  }

 private:
  Status IndexClosedFiles() {
    std::lock_guard lock(maintenance_mutex_);
    return IndexClosedFilesLocked();
  }

  /// Write the indexes of closed journal files that have none, in their order.
  Status IndexClosedFilesLocked() {
    const auto live = journal_->live();
    for (size_t i = 0; i + 1 < live.size(); ++i) {
      const LiveFile& file = live[i];
      if (file.to <= logs_.set()->through) continue;
      ARROW_RETURN_NOT_OK(logs_.WriteIndex(file, journal_->BytesOf(file.number),
                                           journal_->IndexPathOf(file.number)));
    }
    return Status::OK();
  }

  /// Read plan[begin, end), which lies in one stretch of one file, and verify each entry.
  Status ReadRun(LogId log, const std::vector<IndexEntry>& plan, size_t begin, size_t end,
                 RunMemory* memory, std::vector<StoredEntry>* out) const {
    ARROW_ASSIGN_OR_RAISE(const auto file, journal_->FileByNumber(plan[begin].file));
    const uint64_t from = plan[begin].body_at;
    const uint64_t to = EndOf(plan[end - 1]);
    ARROW_ASSIGN_OR_RAISE(const std::shared_ptr<arrow::Buffer> run, memory->For(from, to - from));
    auto* bytes = reinterpret_cast<std::byte*>(run->mutable_data());
    ARROW_RETURN_NOT_OK(file->Read(from, std::span(bytes, to - from)));
    std::string front;
    const auto front_of = [&front](const IndexEntry& entry) -> std::string_view {
      front.clear();
      AppendBatchFront(entry.body_bytes, entry.base_offset, entry.commit_time_ns,
                       static_cast<uint32_t>(entry.body_checksum), &front);
      return front;
    };
    for (size_t i = begin; i < end; ++i) {
      const IndexEntry& entry = plan[i];
      const Bytes body(bytes + (entry.body_at - from), entry.body_bytes);
      if (!VerifyBody(entry.kind, entry.body_checksum, body).ok()) {
        return Damaged(file->name(), entry.body_at, "an entry does not match its checksum");
      }
      if (entry.kind == EntryKind::kRows &&
          AsText(body.first(kBatchPatchedBytes)) != front_of(entry)) {
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
      stored.record_time_min_ns = entry.record_time_min_ns;
      stored.record_time_max_ns = entry.record_time_max_ns;
      if (entry.has_side) ARROW_RETURN_NOT_OK(ReadHeader(*file, entry, &stored));
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
        stored->side = std::move(parsed.entry.side);
        return Status::OK();
      }
      at += static_cast<uint32_t>(kEntryHeaderBytes + Align8(parsed.entry.side.size()));
    }
    return Damaged(file.name(), entry.record_at, "an entry header is not where it was");
  }

  const LogOptions options_;
  mutable LogTable logs_;
  Followers followers_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Committer> committer_;
  std::mutex maintenance_mutex_;  // indexes, starts and live files change one at a time
  int pins_ = 0;                  // guarded by maintenance_mutex_
  uint64_t trims_ = 0;            // guarded by maintenance_mutex_
  /// How things stood when files were last looked through; guarded by maintenance_mutex_.
  std::tuple<uint64_t, uint64_t, uint64_t> rewritten_at_{0, 0, 0};
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::atomic<bool> closed_{false};
};

}  // namespace

Result<std::unique_ptr<LogStore>> LogStore::Open(LogOptions options) {
  auto store = std::make_unique<LogStoreImpl>(std::move(options));
  ARROW_RETURN_NOT_OK(store->Recover());
  return std::unique_ptr<LogStore>(std::move(store));
}

}  // namespace firth::log
