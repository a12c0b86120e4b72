#include "firth/log/rewrite.h"

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <utility>

#include <arrow/buffer.h>

#include "firth/common/logging.h"
#include "firth/log/recovery.h"

namespace firth::log {
namespace {

constexpr size_t kBufferBytes = 4 << 20;
/// Runs of the files that are gathered are in memory while they are.
constexpr uint64_t kGatherRunsMax = 256 << 10;
constexpr uint64_t kGatherEntriesMax = 1 << 20;
/// A log lies scattered when it lies in more places than this on average, and small ones.
constexpr uint64_t kPlacesPerLog = 4;
constexpr uint64_t kPlaceBytes = 256 << 10;

/// A file that is written once, from its start to its end.
class SequentialFile {
 public:
  SequentialFile(store::File* file) : file_(file) {}

  uint64_t position() const { return written_ + buffer_.size(); }
  Status Append(const std::vector<Bytes>& parts) {
    for (const Bytes& part : parts) buffer_ += AsText(part);
    return buffer_.size() >= kBufferBytes ? Flush() : Status::OK();
  }
  Status Flush() {
    if (buffer_.empty()) return Status::OK();
    ARROW_RETURN_NOT_OK(file_->Write(written_, {AsBytes(buffer_)}));
    written_ += buffer_.size();
    buffer_.clear();
    return Status::OK();
  }

 private:
  store::File* const file_;
  std::string buffer_;
  uint64_t written_ = 0;
};

/// An entry as it was before it was committed, read back and verified.
Result<EntryDraft> ReadDraft(const store::File& file, LogId log, const IndexEntry& entry,
                             FileScan* scan) {
  ARROW_ASSIGN_OR_RAISE(RecoveredCommit record, scan->ReadRecord(entry.record_at));
  const auto at = std::find(record.header_at.begin(), record.header_at.end(), entry.header_at);
  const auto i = static_cast<size_t>(at - record.header_at.begin());
  if (i == record.entries.size() || record.entries[i].entry.log != log) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 file.name() + " has no entry of log " + std::to_string(log.value) + " at byte " +
                     std::to_string(entry.record_at) + ", where its index says so");
  }
  ParsedEntry& parsed = record.entries[i];
  EntryDraft draft;
  draft.log = log;
  draft.kind = parsed.entry.kind;
  draft.write_class = parsed.write_class;
  draft.schema_id = parsed.entry.schema_id;
  draft.rows = parsed.entry.rows;
  draft.offsets = parsed.entry.offsets;
  draft.writer_id = parsed.entry.writer_id;
  draft.sequence = parsed.entry.sequence;
  draft.record_time_min_ns = parsed.entry.record_time_min_ns;
  draft.record_time_max_ns = parsed.entry.record_time_max_ns;
  draft.side = std::move(parsed.entry.side);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> body,
                        arrow::AllocateBuffer(entry.body_bytes));
  const std::span<std::byte> bytes(reinterpret_cast<std::byte*>(body->mutable_data()),
                                   entry.body_bytes);
  ARROW_RETURN_NOT_OK(file.Read(entry.body_at, bytes));
  if (!VerifyBody(entry.kind, entry.body_checksum, bytes).ok()) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 file.name() + " is damaged at byte " + std::to_string(entry.body_at));
  }
  draft.body = std::move(body);
  return draft;
}

}  // namespace

Result<CommitId> Rewriter::TrimmedOf(LogId log) {
  if (const auto found = trimmed_.find(log); found != trimmed_.end()) return found->second;
  CommitId trimmed{0};
  if (options_->is_kept != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const bool kept, options_->is_kept(log));
    if (!kept) trimmed = CommitId(INT64_MAX);
  }
  if (trimmed == CommitId(0) && options_->start_of != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto start, options_->start_of(log));
    if (start.has_value()) trimmed = start->trimmed;
  }
  trimmed_[log] = trimmed;
  return trimmed;
}

Result<Rewriter::Use> Rewriter::Measure(const IndexFilePtr& file) {
  Use use{.file = file};
  LogId last{-1};
  ARROW_RETURN_NOT_OK(file->ForEachRun([&](const IndexRun& run) -> Status {
    ARROW_ASSIGN_OR_RAISE(const CommitId trimmed, TrimmedOf(run.log));
    ++use.runs;
    if (run.last_commit <= trimmed) return Status::OK();
    if (run.log != last) ++use.logs;
    last = run.log;
    if (run.first_commit > trimmed) {
      use.kept_bytes += run.body_bytes;
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto block, file->ReadBlock(run));
    for (const IndexEntry& entry : *block) {
      if (entry.commit > trimmed) use.kept_bytes += std::max<uint64_t>(entry.body_bytes, 1);
    }
    return Status::OK();
  }));
  return use;
}

bool Rewriter::IsScattered(const Use& use) const {
  if ((use.file->number() & kRewrittenBit) != 0 || use.logs < 2) return false;
  return use.file->stretches() > use.logs * kPlacesPerLog &&
         use.file->body_bytes() / use.file->stretches() < kPlaceBytes;
}

Status Rewriter::Run() {
  if (options_->keep_live_files == nullptr) return Status::OK();
  const IndexSetPtr set = logs_->set();
  std::vector<IndexFilePtr> scattered;
  uint64_t runs = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;
  const auto gather = [&]() -> Status {
    auto sources = std::exchange(scattered, {});
    runs = entries = bytes = 0;
    return sources.size() >= options_->gather_files ? Replace(sources) : Status::OK();
  };
  for (const IndexFilePtr& file : set->files) {
    ARROW_ASSIGN_OR_RAISE(const Use use, Measure(file));
    if (use.kept_bytes * 2 <= file->body_bytes() || use.logs == 0) {
      ARROW_RETURN_NOT_OK(gather());
      ARROW_RETURN_NOT_OK(Replace({file}));
      continue;
    }
    if (!IsScattered(use)) {
      ARROW_RETURN_NOT_OK(gather());
      continue;
    }
    scattered.push_back(file);
    runs += use.runs;
    entries += file->entries();
    bytes += use.kept_bytes;
    if (scattered.size() == options_->gather_files || runs > kGatherRunsMax ||
        entries > kGatherEntriesMax || bytes > options_->file_bytes_max) {
      ARROW_RETURN_NOT_OK(gather());
    }
  }
  return gather();
}

Result<Rewriter::IndexFilePtr> Rewriter::Write(const std::vector<IndexFilePtr>& sources,
                                               uint64_t number) {
  struct Part {
    size_t source;
    IndexRun run;
  };
  std::map<LogId, std::vector<Part>> parts;
  for (size_t i = 0; i < sources.size(); ++i) {
    ARROW_RETURN_NOT_OK(sources[i]->ForEachRun([&](const IndexRun& run) -> Status {
      ARROW_ASSIGN_OR_RAISE(const CommitId trimmed, TrimmedOf(run.log));
      if (run.last_commit > trimmed) parts[run.log].push_back({i, run});
      return Status::OK();
    }));
  }
  if (parts.empty()) return IndexFilePtr();
  std::vector<std::shared_ptr<store::File>> files;
  std::vector<std::unique_ptr<FileScan>> scans;
  for (const IndexFilePtr& source : sources) {
    ARROW_ASSIGN_OR_RAISE(auto file, journal_->FileByNumber(source->number()));
    scans.push_back(std::make_unique<FileScan>(file.get(), source->number(), CommitId(0)));
    ARROW_RETURN_NOT_OK(scans.back()->CheckHeader(false).status());
    files.push_back(std::move(file));
  }
  const std::string path = journal_->PathOf(number);
  ARROW_ASSIGN_OR_RAISE(const auto file, options_->files->Create(path));
  SequentialFile out(file.get());
  const std::string header = EncodeFileHeader(number, options_->clock->NowNs());
  ARROW_RETURN_NOT_OK(out.Append({AsBytes(header)}));
  std::map<CommitId, int64_t> commits;
  std::vector<std::pair<LogId, std::vector<IndexEntry>>> written;
  std::map<LogId, WriterWindow> writers;
  for (const auto& [log, of_log] : parts) {
    ARROW_ASSIGN_OR_RAISE(const CommitId trimmed, TrimmedOf(log));
    auto& entries = written.emplace_back(log, std::vector<IndexEntry>()).second;
    std::vector<EntryDraft> drafts;  // of one commit
    Assigned assigned;
    const auto flush = [&]() -> Status {
      if (drafts.empty()) return Status::OK();
      assigned.group_start = out.position();
      const CommitImage image(drafts, kCommitIsRewritten, assigned);
      uint32_t header_at = kCommitHeaderBytes;
      for (size_t i = 0; i < drafts.size(); ++i) {
        IndexEntry& entry = entries[entries.size() - drafts.size() + i];
        entry.file = number;
        entry.record_at = assigned.group_start;
        entry.body_at = assigned.group_start + image.body_at(header_at);
        entry.header_at = header_at;
        header_at += static_cast<uint32_t>(kEntryHeaderBytes + Align8(drafts[i].side.size()));
      }
      std::vector<store::HeldBytes> held;
      image.AddParts(&held);
      std::vector<Bytes> image_parts;
      for (const store::HeldBytes& part : held) image_parts.push_back(part.bytes);
      ARROW_RETURN_NOT_OK(out.Append(image_parts));
      drafts.clear();
      assigned.base_offsets.clear();
      return Status::OK();
    };
    for (const Part& part : of_log) {
      const IndexFilePtr& source = sources[part.source];
      ARROW_ASSIGN_OR_RAISE(const auto block, source->ReadBlock(part.run));
      ARROW_RETURN_NOT_OK(source->ReadWriters(part.run, &writers[log]));
      for (const IndexEntry& entry : *block) {
        if (entry.commit <= trimmed) continue;
        if (!drafts.empty() && assigned.id != entry.commit) ARROW_RETURN_NOT_OK(flush());
        ARROW_ASSIGN_OR_RAISE(auto draft,
                              ReadDraft(*files[part.source], log, entry, scans[part.source].get()));
        drafts.push_back(std::move(draft));
        assigned.id = entry.commit;
        assigned.time_ns = entry.commit_time_ns;
        assigned.base_offsets.push_back(entry.base_offset);
        entries.push_back(entry);
        commits[entry.commit] = entry.commit_time_ns;
      }
    }
    ARROW_RETURN_NOT_OK(flush());
  }
  ARROW_RETURN_NOT_OK(out.Flush());
  ARROW_RETURN_NOT_OK(file->Sync());
  IndexWriter index(number, out.position());
  for (const auto& [log, entries] : written) index.AddLog(log, entries, writers[log]);
  std::vector<CommitTime> times;
  for (const auto& [id, time_ns] : commits) times.push_back({.id = id, .time_ns = time_ns});
  ARROW_RETURN_NOT_OK(index.Write(options_->files, journal_->IndexPathOf(number), times));
  ARROW_RETURN_NOT_OK(options_->files->SyncFolder(options_->folder));
  return IndexFile::Open(options_->files, journal_->IndexPathOf(number), number, out.position());
}

Status Rewriter::Replace(const std::vector<IndexFilePtr>& sources) {
  const uint64_t number = journal_->NewNumber();
  auto written = Write(sources, number);
  if (!written.ok()) {
    // It was not named: what there is of it is removed at the next start, if not now.
    static_cast<void>(journal_->RemoveFile(number));
    return written.status();
  }
  const IndexFilePtr made = *written;
  std::set<uint64_t> gone;
  for (const IndexFilePtr& source : sources) gone.insert(source->number());
  LiveFile live{.number = number, .from = UINT64_MAX, .to = 0};
  for (const LiveFile& file : journal_->live()) {
    if (!gone.contains(file.number)) continue;
    live.from = std::min(live.from, file.from);
    live.to = std::max(live.to, file.to);
  }
  const std::vector<uint64_t> numbers(gone.begin(), gone.end());
  ARROW_RETURN_NOT_OK(journal_->Replace(
      numbers, made == nullptr ? std::vector<LiveFile>() : std::vector<LiveFile>{live}));
  // Named: from here on readers find the new one, and those that had a plan ask again.
  const IndexSetPtr now = logs_->set();
  auto set = std::make_shared<IndexSet>();
  set->through = now->through;
  set->generation = now->generation + 1;
  bool placed = made == nullptr;
  for (const IndexFilePtr& file : now->files) {
    if (!gone.contains(file->number())) {
      set->files.push_back(file);
    } else if (!placed) {
      set->files.push_back(made);
      placed = true;
    }
  }
  logs_->Publish(std::move(set));
  for (const uint64_t old : numbers) ARROW_RETURN_NOT_OK(journal_->RemoveFile(old));
  ARROW_RETURN_NOT_OK(options_->files->SyncFolder(options_->folder));
  logging::Info("log", "{} closed file(s) were rewritten into {}", gone.size(),
                made == nullptr ? "nothing: nothing of them is kept" : journal_->PathOf(number));
  if (options_->forget_names == nullptr) return Status::OK();
  uint64_t oldest = UINT64_MAX;
  for (const LiveFile& file : journal_->live()) {
    if ((file.number & kRewrittenBit) == 0) oldest = std::min(oldest, file.number);
  }
  return oldest == UINT64_MAX ? Status::OK() : options_->forget_names(oldest);
}

}  // namespace firth::log
