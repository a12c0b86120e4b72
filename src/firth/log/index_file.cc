#include "firth/log/index_file.h"

#include <algorithm>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"

namespace firth::log {
namespace {

constexpr uint8_t kHasSide = 0x10;
constexpr uint8_t kHasTimes = 0x20;
constexpr uint8_t kHasWriter = 0x40;

uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}
/// The difference of two numbers, and back: wraps, so any two have one.
uint64_t Step(uint64_t from, uint64_t to) {
  return ZigZag(static_cast<int64_t>(to - from));
}
uint64_t Stepped(uint64_t from, uint64_t step) {
  return from + static_cast<uint64_t>(UnZigZag(step));
}
uint64_t U(int64_t value) {
  return static_cast<uint64_t>(value);
}
int64_t I(uint64_t value) {
  return static_cast<int64_t>(value);
}

void AppendSum(std::string* out, size_t from) {
  AppendLe<uint64_t>(out, Hash64(AsBytes(std::string_view(*out).substr(from))));
}

/// Each entry as steps from the one before; the first from zeros.
std::string EncodeBlock(std::span<const IndexEntry> entries) {
  std::string out;
  IndexEntry last;
  last.base_offset = Offset(0);
  last.commit = CommitId(0);
  for (const IndexEntry& entry : entries) {
    const bool times = entry.record_time_min_ns <= entry.record_time_max_ns;
    uint8_t flags = static_cast<uint8_t>(entry.kind);
    if (entry.has_side) flags |= kHasSide;
    if (times) flags |= kHasTimes;
    if (entry.writer_id != kNoWriter) flags |= kHasWriter;
    out.push_back(static_cast<char>(flags));
    AppendVarint(&out, Step(U(last.base_offset.value), U(entry.base_offset.value)));
    AppendVarint(&out, entry.offsets);
    AppendVarint(&out, entry.rows);
    AppendVarint(&out, Step(U(last.commit.value), U(entry.commit.value)));
    AppendVarint(&out, Step(U(last.commit_time_ns), U(entry.commit_time_ns)));
    AppendVarint(&out, Step(last.record_at, entry.record_at));
    AppendVarint(&out, entry.body_at - entry.record_at);
    AppendVarint(&out, entry.header_at);
    AppendVarint(&out, entry.body_bytes);
    AppendLe<uint64_t>(&out, entry.body_checksum);
    AppendVarint(&out, ZigZag(entry.schema_id.value));
    if (times) {
      AppendVarint(&out, Step(U(entry.commit_time_ns), U(entry.record_time_min_ns)));
      AppendVarint(&out, Step(U(entry.commit_time_ns), U(entry.record_time_max_ns)));
    }
    if (entry.writer_id != kNoWriter) {
      AppendVarint(&out, ZigZag(entry.writer_id.value));
      AppendVarint(&out, ZigZag(entry.sequence));
    }
    last = entry;
  }
  return out;
}

bool DecodeBlock(Bytes bytes, uint64_t file, uint32_t count, IndexBlock* out) {
  ByteReader in(bytes);
  out->reserve(std::min<size_t>(count, kRunEntriesMax));
  IndexEntry last;
  last.base_offset = Offset(0);
  last.commit = CommitId(0);
  for (uint32_t i = 0; i < count; ++i) {
    IndexEntry entry;
    const auto flags = in.Le<uint8_t>();
    entry.kind = static_cast<EntryKind>(flags & 0x0f);
    entry.has_side = (flags & kHasSide) != 0;
    entry.base_offset = Offset(I(Stepped(U(last.base_offset.value), in.Varint())));
    entry.offsets = static_cast<uint32_t>(in.Varint());
    entry.rows = static_cast<uint32_t>(in.Varint());
    entry.commit = CommitId(I(Stepped(U(last.commit.value), in.Varint())));
    entry.commit_time_ns = I(Stepped(U(last.commit_time_ns), in.Varint()));
    entry.record_at = Stepped(last.record_at, in.Varint());
    entry.body_at = entry.record_at + in.Varint();
    entry.header_at = static_cast<uint32_t>(in.Varint());
    entry.body_bytes = static_cast<uint32_t>(in.Varint());
    entry.body_checksum = in.Le<uint64_t>();
    entry.schema_id = SchemaId(static_cast<int32_t>(UnZigZag(in.Varint())));
    if ((flags & kHasTimes) != 0) {
      entry.record_time_min_ns = I(Stepped(U(entry.commit_time_ns), in.Varint()));
      entry.record_time_max_ns = I(Stepped(U(entry.commit_time_ns), in.Varint()));
    }
    if ((flags & kHasWriter) != 0) {
      entry.writer_id = WriterId(UnZigZag(in.Varint()));
      entry.sequence = static_cast<int32_t>(UnZigZag(in.Varint()));
    }
    entry.file = file;
    if (!in.ok()) return false;
    last = entry;
    out->push_back(entry);
  }
  return in.remaining() == 0;
}

void AppendRun(const IndexRun& run, std::string* out) {
  const size_t at = out->size();
  for (const int64_t value : {run.log.value, run.base.value, run.end.value, run.first_commit.value,
                              run.last_commit.value, run.first_time_ns, run.last_time_ns}) {
    AppendLe<int64_t>(out, value);
  }
  AppendLe<uint64_t>(out, run.body_bytes);
  AppendLe<uint64_t>(out, run.block_at);
  AppendLe<uint32_t>(out, run.block_bytes);
  AppendLe<uint32_t>(out, run.entries);
  AppendLe<uint64_t>(out, run.writers_at);
  AppendLe<uint32_t>(out, run.writers_bytes);
  out->resize(at + kRunBytes);
}

IndexRun ParseRun(ByteReader* in) {
  ByteReader run_in(in->Take(kRunBytes));
  IndexRun run;
  run.log = LogId(run_in.Le<int64_t>());
  run.base = Offset(run_in.Le<int64_t>());
  run.end = Offset(run_in.Le<int64_t>());
  run.first_commit = CommitId(run_in.Le<int64_t>());
  run.last_commit = CommitId(run_in.Le<int64_t>());
  run.first_time_ns = run_in.Le<int64_t>();
  run.last_time_ns = run_in.Le<int64_t>();
  run.body_bytes = run_in.Le<uint64_t>();
  run.block_at = run_in.Le<uint64_t>();
  run.block_bytes = run_in.Le<uint32_t>();
  run.entries = run_in.Le<uint32_t>();
  run.writers_at = run_in.Le<uint64_t>();
  run.writers_bytes = run_in.Le<uint32_t>();
  return run;
}

/// End a page: zeros, and the checksum in its last 8 bytes.
void ClosePage(size_t page_at, std::string* out) {
  out->resize(page_at + kIndexPageBytes - 8);
  AppendSum(out, page_at);
}

uint64_t PagesOf(uint64_t count, size_t per_page) {
  return (count + per_page - 1) / per_page;
}

}  // namespace

void IndexWriter::AddLog(LogId log, std::span<const IndexEntry> entries,
                         const WriterWindow& writers) {
  FIRTH_CHECK(runs_.empty() || runs_.back().log < log);
  if (entries.empty()) return;
  for (size_t from = 0; from < entries.size(); from += kRunEntriesMax) {
    const auto part = entries.subspan(from, std::min(kRunEntriesMax, entries.size() - from));
    IndexRun run;
    run.log = log;
    run.base = part.front().base_offset;
    run.end = part.back().end_offset();
    run.first_commit = part.front().commit;
    run.last_commit = part.back().commit;
    run.first_time_ns = part.front().commit_time_ns;
    run.last_time_ns = part.back().commit_time_ns;
    for (const IndexEntry& entry : part) run.body_bytes += entry.body_bytes;
    run.block_at = kIndexHeaderBytes + blocks_.size();
    const std::string block = EncodeBlock(part);
    blocks_ += block;
    AppendSum(&blocks_, blocks_.size() - block.size());
    run.block_bytes = static_cast<uint32_t>(block.size());
    run.entries = static_cast<uint32_t>(part.size());
    body_bytes_ += run.body_bytes;
    entries_ += run.entries;
    runs_.push_back(run);
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool joined =
        i > 0 && entries[i].body_at - entries[i - 1].body_at - entries[i - 1].body_bytes <= 4096;
    if (!joined) ++stretches_;
  }
  if (!writers.empty()) {
    const std::string bytes = writers.Encode(entries.back().commit_time_ns - kWriterKeptNs);
    runs_.back().writers_at = kIndexHeaderBytes + blocks_.size();
    runs_.back().writers_bytes = static_cast<uint32_t>(bytes.size());
    blocks_ += bytes;
    AppendSum(&blocks_, blocks_.size() - bytes.size());
  }
}

Status IndexWriter::Write(store::FileSystem* files, const std::string& path,
                          const std::vector<CommitTime>& commits) {
  std::string pages;
  for (size_t from = 0; from < runs_.size(); from += kRunsPerPage) {
    const size_t page_at = pages.size();
    for (size_t i = from; i < std::min(runs_.size(), from + kRunsPerPage); ++i) {
      AppendRun(runs_[i], &pages);
    }
    ClosePage(page_at, &pages);
  }
  const uint64_t runs_at = kIndexHeaderBytes + blocks_.size();
  const uint64_t commits_at = runs_at + pages.size();
  for (size_t from = 0; from < commits.size(); from += kCommitsPerPage) {
    const size_t page_at = pages.size();
    for (size_t i = from; i < std::min(commits.size(), from + kCommitsPerPage); ++i) {
      AppendLe<int64_t>(&pages, commits[i].id.value);
      AppendLe<int64_t>(&pages, commits[i].time_ns);
    }
    ClosePage(page_at, &pages);
  }
  std::string header;
  AppendLe<uint64_t>(&header, kIndexMagic);
  AppendLe<uint32_t>(&header, kIndexVersion);
  AppendLe<uint32_t>(&header, static_cast<uint32_t>(kIndexHeaderBytes));
  AppendLe<uint64_t>(&header, number_);
  AppendLe<uint64_t>(&header, file_bytes_);
  AppendLe<int64_t>(&header, commits.empty() ? 0 : commits.front().id.value);
  AppendLe<int64_t>(&header, commits.empty() ? 0 : commits.back().id.value);
  AppendLe<int64_t>(&header, commits.empty() ? 0 : commits.front().time_ns);
  AppendLe<int64_t>(&header, commits.empty() ? 0 : commits.back().time_ns);
  for (const uint64_t value :
       {entries_, static_cast<uint64_t>(runs_.size()), static_cast<uint64_t>(commits.size()),
        body_bytes_, runs_at, commits_at, stretches_}) {
    AppendLe<uint64_t>(&header, value);
  }
  static_assert(kIndexHeaderBytes == 16 + 8 * 13 + 8);
  AppendSum(&header, 0);
  FIRTH_CHECK(header.size() == kIndexHeaderBytes);
  return store::WriteFileAtomically(files, path,
                                    {AsBytes(header), AsBytes(blocks_), AsBytes(pages)});
}

Status IndexFile::Damaged(uint64_t at) const {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               file_->name() + " is damaged at byte " + std::to_string(at) +
                   ": remove it, and it is made again at the next start");
}

Result<std::shared_ptr<const IndexFile>> IndexFile::Open(store::FileSystem* files,
                                                         const std::string& path, uint64_t number,
                                                         uint64_t file_bytes) {
  auto index = std::make_shared<IndexFile>();
  ARROW_ASSIGN_OR_RAISE(index->file_, files->Open(path));
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, index->file_->Size());
  std::string header(kIndexHeaderBytes, '\0');
  if (size < header.size()) return index->Damaged(0);
  ARROW_RETURN_NOT_OK(
      index->file_->Read(0, std::as_writable_bytes(std::span(header.data(), header.size()))));
  ByteReader in(AsBytes(header));
  const auto magic = in.Le<uint64_t>();
  const auto version = in.Le<uint32_t>();
  const auto header_bytes = in.Le<uint32_t>();
  if (magic != kIndexMagic ||
      LoadLe<uint64_t>(header.data() + 120) != Hash64(AsBytes(header).first(120))) {
    return index->Damaged(0);
  }
  if (version > kIndexVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 path + " has format " + std::to_string(version) + "; this binary reads up to " +
                     std::to_string(kIndexVersion) + ": use a newer firth");
  }
  index->number_ = in.Le<uint64_t>();
  index->file_bytes_ = in.Le<uint64_t>();
  in.Le<int64_t>();  // the least commit
  index->last_commit_ = CommitId(in.Le<int64_t>());
  index->first_time_ns_ = in.Le<int64_t>();
  index->last_time_ns_ = in.Le<int64_t>();
  index->entries_ = in.Le<uint64_t>();
  index->runs_ = in.Le<uint64_t>();
  index->commits_ = in.Le<uint64_t>();
  index->body_bytes_ = in.Le<uint64_t>();
  index->runs_at_ = in.Le<uint64_t>();
  index->commits_at_ = in.Le<uint64_t>();
  index->stretches_ = in.Le<uint64_t>();
  const uint64_t end =
      index->commits_at_ + PagesOf(index->commits_, kCommitsPerPage) * kIndexPageBytes;
  // The file was synced before its index was made, so it never had less.
  if (index->number_ == number && index->file_bytes_ > file_bytes) {
    return Error(Code::kDataLoss, Reason::kFileMissing,
                 path + " is of " + std::to_string(index->file_bytes_) + " bytes, of which only " +
                     std::to_string(file_bytes) + " are there");
  }
  if (header_bytes != kIndexHeaderBytes || index->number_ != number ||
      index->file_bytes_ != file_bytes || size != end) {
    return index->Damaged(0);
  }
  return index;
}

Result<std::string> IndexFile::ReadChecked(uint64_t at, uint64_t bytes) const {
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, file_->Size());
  if (at > size || bytes + 8 > size - at) return Damaged(at);
  std::string out(bytes + 8, '\0');
  ARROW_RETURN_NOT_OK(file_->Read(at, std::as_writable_bytes(std::span(out.data(), out.size()))));
  if (LoadLe<uint64_t>(out.data() + bytes) != Hash64(AsBytes(out).first(bytes))) {
    return Damaged(at);
  }
  out.resize(bytes);
  return out;
}

Result<std::vector<IndexRun>> IndexFile::ReadRunPage(uint64_t page) const {
  ARROW_ASSIGN_OR_RAISE(const std::string bytes,
                        ReadChecked(runs_at_ + page * kIndexPageBytes, kIndexPageBytes - 8));
  ByteReader in(AsBytes(bytes));
  std::vector<IndexRun> runs;
  const uint64_t count = std::min<uint64_t>(kRunsPerPage, runs_ - page * kRunsPerPage);
  for (uint64_t i = 0; i < count; ++i) runs.push_back(ParseRun(&in));
  return runs;
}

Result<std::vector<IndexRun>> IndexFile::Find(LogId log) const {
  // The first page whose last run is of this log or a later one.
  uint64_t low = 0;
  uint64_t high = PagesOf(runs_, kRunsPerPage);
  std::vector<IndexRun> page;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    ARROW_ASSIGN_OR_RAISE(page, ReadRunPage(middle));
    if (page.back().log < log) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  std::vector<IndexRun> found;
  for (; low < PagesOf(runs_, kRunsPerPage); ++low) {
    ARROW_ASSIGN_OR_RAISE(page, ReadRunPage(low));
    for (const IndexRun& run : page) {
      if (run.log == log) found.push_back(run);
    }
    if (page.back().log > log) break;
  }
  return found;
}

Status IndexFile::ForEachRun(const std::function<Status(const IndexRun&)>& visit) const {
  for (uint64_t page = 0; page < PagesOf(runs_, kRunsPerPage); ++page) {
    ARROW_ASSIGN_OR_RAISE(const auto runs, ReadRunPage(page));
    for (const IndexRun& run : runs) ARROW_RETURN_NOT_OK(visit(run));
  }
  return Status::OK();
}

Result<std::shared_ptr<const IndexBlock>> IndexFile::ReadBlock(const IndexRun& run) const {
  ARROW_ASSIGN_OR_RAISE(const std::string bytes, ReadChecked(run.block_at, run.block_bytes));
  auto block = std::make_shared<IndexBlock>();
  if (!DecodeBlock(AsBytes(bytes), number_, run.entries, block.get())) {
    return Damaged(run.block_at);
  }
  return block;
}

Status IndexFile::ReadWriters(const IndexRun& run, WriterWindow* writers) const {
  if (run.writers_bytes == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const std::string bytes, ReadChecked(run.writers_at, run.writers_bytes));
  return writers->Decode(AsBytes(bytes)) ? Status::OK() : Damaged(run.writers_at);
}

Result<std::vector<CommitTime>> IndexFile::ReadCommitPage(uint64_t page) const {
  ARROW_ASSIGN_OR_RAISE(const std::string bytes,
                        ReadChecked(commits_at_ + page * kIndexPageBytes, kIndexPageBytes - 8));
  ByteReader in(AsBytes(bytes));
  const uint64_t count = std::min<uint64_t>(kCommitsPerPage, commits_ - page * kCommitsPerPage);
  std::vector<CommitTime> commits(count);
  for (CommitTime& commit : commits) {
    commit.id = CommitId(in.Le<int64_t>());
    commit.time_ns = in.Le<int64_t>();
  }
  return commits;
}

Result<CommitId> IndexFile::LastCommitAt(int64_t time_ns) const {
  if (commits_ == 0 || time_ns < first_time_ns_) return CommitId(0);
  if (time_ns >= last_time_ns_) return last_commit_;
  // The last page that begins at or before the time.
  uint64_t low = 0;
  uint64_t high = PagesOf(commits_, kCommitsPerPage);
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    ARROW_ASSIGN_OR_RAISE(const auto page, ReadCommitPage(middle));
    (page.front().time_ns <= time_ns ? low : high) = middle;
  }
  ARROW_ASSIGN_OR_RAISE(const auto page, ReadCommitPage(low));
  const auto after =
      std::upper_bound(page.begin(), page.end(), time_ns,
                       [](int64_t t, const CommitTime& commit) { return t < commit.time_ns; });
  return after == page.begin() ? CommitId(0) : std::prev(after)->id;
}

Result<std::vector<CommitTime>> IndexFile::Commits() const {
  std::vector<CommitTime> all;
  for (uint64_t page = 0; page < PagesOf(commits_, kCommitsPerPage); ++page) {
    ARROW_ASSIGN_OR_RAISE(const auto commits, ReadCommitPage(page));
    all.insert(all.end(), commits.begin(), commits.end());
  }
  return all;
}

}  // namespace firth::log
