#include "firth/log/start_up.h"

#include <algorithm>
#include <set>
#include <string>

#include "firth/common/logging.h"

namespace firth::log {

std::vector<std::pair<LogId, IndexEntry>> EntriesOf(const RecoveredCommit& record) {
  std::vector<std::pair<LogId, IndexEntry>> entries;
  for (size_t i = 0; i < record.entries.size(); ++i) {
    const ParsedEntry& parsed = record.entries[i];
    const StoredEntry& stored = parsed.entry;
    IndexEntry entry;
    entry.base_offset = stored.base_offset;
    entry.commit = stored.commit;
    entry.commit_time_ns = stored.commit_time_ns;
    entry.record_at = record.at;
    entry.body_at = record.at + parsed.body_at;
    entry.file = record.file;
    entry.body_checksum = parsed.body_checksum;
    entry.record_time_min_ns = stored.record_time_min_ns;
    entry.record_time_max_ns = stored.record_time_max_ns;
    entry.header_at = record.header_at[i];
    entry.body_bytes = parsed.body_bytes;
    entry.offsets = stored.offsets;
    entry.rows = stored.rows;
    entry.sequence = stored.sequence;
    entry.writer_id = stored.writer_id;
    entry.schema_id = stored.schema_id;
    entry.kind = stored.kind;
    entry.has_side = !stored.side.empty();
    entries.emplace_back(stored.log, entry);
  }
  return entries;
}

Status StartUp::ScanNamed(uint64_t number, bool recover, const VisitCommit& visit) {
  std::set<int64_t> named;
  if (options_->named_in != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto ids, options_->named_in(number));
    for (const CommitId id : ids) named.insert(id.value);
  }
  std::set<int64_t> missing = named;
  ARROW_RETURN_NOT_OK(journal_->Scan(number, recover, false, [&](const RecoveredCommit& record) {
    last_ = std::max(last_, record.commit.id);
    last_time_ns_ = std::max(last_time_ns_, record.commit.time_ns);
    if ((record.commit.flags & kCommitHasCatalog) != 0) {
      // One that the catalog never made so: its offsets are given again.
      if (!named.contains(record.commit.id.value)) return Status::OK();
      missing.erase(record.commit.id.value);
    }
    journal_->Passed(record.commit.id);
    return visit(record);
  }));
  if (missing.empty()) return Status::OK();
  return Error(Code::kDataLoss, Reason::kFileMissing,
               "commit " + std::to_string(*missing.begin()) +
                   ", which the catalog names, is not in " + journal_->PathOf(number) +
                   ", where it was written");
}

Result<std::shared_ptr<const IndexFile>> StartUp::IndexOf(const LiveFile& file) {
  const std::string path = journal_->IndexPathOf(file.number);
  ARROW_ASSIGN_OR_RAISE(const auto data, journal_->FileByNumber(file.number));
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, data->Size());
  auto index = IndexFile::Open(options_->files, path, file.number, bytes);
  if (index.ok() || ReasonOf(index.status()) == Reason::kFormatTooNew) return index;
  if (CodeOf(index.status()) == Code::kDataLoss &&
      ReasonOf(index.status()) == Reason::kFileMissing) {
    return Error(Code::kDataLoss, Reason::kFileMissing,
                 "the log file " + data->name() + " was cut short: " + MessageOf(index.status()));
  }
  logging::Info("log", "the index of {} is made again: {}", data->name(), index.status().message());
  FileContents contents;
  const VisitCommit visit = [&](const RecoveredCommit& record) {
    contents.commits.push_back({.id = record.commit.id, .time_ns = record.commit.time_ns});
    for (auto& [log, entry] : EntriesOf(record)) contents.logs[log].push_back(entry);
    return Status::OK();
  };
  const bool rewritten = (file.number & kRewrittenBit) != 0;
  ARROW_RETURN_NOT_OK(rewritten ? journal_->Scan(file.number, false, false, visit)
                                : ScanNamed(file.number, false, visit));
  // A rewritten file has a record for each log of a commit.
  auto& commits = contents.commits;
  std::sort(commits.begin(), commits.end(),
            [](const CommitTime& a, const CommitTime& b) { return a.id < b.id; });
  commits.erase(std::unique(commits.begin(), commits.end(),
                            [](const CommitTime& a, const CommitTime& b) { return a.id == b.id; }),
                commits.end());
  IndexWriter writer(file.number, bytes);
  for (const auto& [log, entries] : contents.logs) {
    WriterWindow writers;
    for (const IndexEntry& entry : entries) AddSentBy(entry, &writers);
    writer.AddLog(log, entries, writers);
  }
  ARROW_RETURN_NOT_OK(writer.Write(options_->files, path, commits));
  return IndexFile::Open(options_->files, path, file.number, bytes);
}

Status StartUp::Run() {
  last_ = options_->last_commit_in_catalog;
  last_time_ns_ = options_->last_time_ns_in_catalog;
  auto set = std::make_shared<IndexSet>();
  const auto live = journal_->live();
  // A rewritten file is never the last: what follows it has begun.
  const bool open_end = !live.empty() && (live.back().number & kRewrittenBit) == 0;
  const size_t closed = live.size() - (open_end ? 1 : 0);
  for (size_t i = 0; i < closed; ++i) {
    ARROW_ASSIGN_OR_RAISE(auto index, IndexOf(live[i]));
    journal_->Passed(index->last_commit());
    last_ = std::max(last_, index->last_commit());
    last_time_ns_ = std::max(last_time_ns_, index->last_time_ns());
    set->files.push_back(std::move(index));
    set->through = live[i].to;
  }
  if (open_end) {
    set->through = live.back().from - 1;
    ARROW_RETURN_NOT_OK(
        ScanNamed(live.back().number, true, [&](const RecoveredCommit& record) -> Status {
          const CommitTime commit{.id = record.commit.id, .time_ns = record.commit.time_ns};
          logs_->AddCommits(std::span(&commit, 1), record.file);
          for (const auto& [log, entry] : EntriesOf(record)) {
            ARROW_RETURN_NOT_OK(logs_->Shell(log)->Recover(entry));
          }
          return Status::OK();
        }));
  }
  logs_->Publish(std::move(set));
  return journal_->Begin();
}

Result<LogStore::Verified> VerifyFiles(Journal* journal, const IndexSetPtr& set) {
  LogStore::Verified verified;
  for (const LiveFile& file : journal->live()) {
    const auto index = std::find_if(set->files.begin(), set->files.end(), [&](const auto& held) {
      return held->number() == file.number;
    });
    uint64_t entries = 0;
    uint64_t commits = 0;
    std::map<LogId, std::vector<IndexEntry>> found;
    ARROW_RETURN_NOT_OK(
        journal->Scan(file.number, false, /*bodies=*/true, [&](const RecoveredCommit& record) {
          ++commits;
          for (const auto& [log, entry] : EntriesOf(record)) found[log].push_back(entry);
          entries += record.entries.size();
          return Status::OK();
        }));
    if (index != set->files.end()) {
      ARROW_RETURN_NOT_OK((*index)->ForEachRun([&](const IndexRun& run) -> Status {
        ARROW_ASSIGN_OR_RAISE(const auto block, (*index)->ReadBlock(run));
        WriterWindow writers;
        ARROW_RETURN_NOT_OK((*index)->ReadWriters(run, &writers));
        const auto& there = found[run.log];
        for (const IndexEntry& entry : *block) {
          const auto same = std::lower_bound(
              there.begin(), there.end(), entry.body_at,
              [](const IndexEntry& held, uint64_t at) { return held.body_at < at; });
          if (same == there.end() || same->body_at != entry.body_at ||
              same->commit != entry.commit || same->base_offset != entry.base_offset ||
              same->body_checksum != entry.body_checksum) {
            return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                         (*index)->name() + " names an entry of log " +
                             std::to_string(run.log.value) + " that " +
                             journal->PathOf(file.number) + " does not hold");
          }
        }
        return Status::OK();
      }));
    }
    ++verified.files;
    verified.commits += commits;
    verified.entries += entries;
    verified.bytes += journal->BytesOf(file.number);
  }
  return verified;
}

}  // namespace firth::log
