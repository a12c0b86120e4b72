#include "firth/log/recovery.h"

#include <algorithm>
#include <cstring>

#include "firth/log/batch.h"
#include "firth/log/journal.h"

namespace firth::log {
namespace {

constexpr uint64_t kScanBytes = 1 << 20;
constexpr uint64_t kWindowBytes = 64 << 10;
// Entry headers of one commit are read whole; more than this is not a commit that we wrote.
constexpr uint64_t kHeadersBytesMax = uint64_t{256} << 20;

std::span<std::byte> Writable(std::string* text) {
  return std::as_writable_bytes(std::span(text->data(), text->size()));
}

}  // namespace

Status FileScan::Damage(uint64_t at, const Status& why) const {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               file_->name() + " is damaged at byte " + std::to_string(at) + ": " + why.message());
}

Status FileScan::Read(uint64_t at, std::span<std::byte> out) {
  const auto inside = [&] {
    return at >= window_at_ && at + out.size() <= window_at_ + window_.size();
  };
  if (!inside() && out.size() <= kWindowBytes && at <= size_ && out.size() <= size_ - at) {
    window_.resize(std::min(kWindowBytes, size_ - at));
    window_at_ = at;
    if (Status read = file_->Read(at, Writable(&window_)); !read.ok()) {
      window_.clear();
      return read;
    }
  }
  if (!inside()) return file_->Read(at, out);
  std::memcpy(out.data(), window_.data() + (at - window_at_), out.size());
  return Status::OK();
}

Result<bool> FileScan::IsZero(uint64_t from) {
  std::string chunk;
  for (uint64_t at = from; at < size_; at += chunk.size()) {
    chunk.resize(std::min(kScanBytes, size_ - at));
    ARROW_RETURN_NOT_OK(file_->Read(at, Writable(&chunk)));
    if (chunk.find_first_not_of('\0') != std::string::npos) return false;
  }
  return true;
}

Result<bool> FileScan::CheckHeader(bool last) {
  ARROW_ASSIGN_OR_RAISE(size_, file_->Size());
  std::string header(std::min<uint64_t>(size_, kFileHeaderBytes), '\0');
  ARROW_RETURN_NOT_OK(file_->Read(0, Writable(&header)));
  const Result<uint64_t> number = ParseFileHeader(AsBytes(header));
  if (number.ok() && *number == number_) return true;
  if (ReasonOf(number.status()) == Reason::kFormatTooNew) return number.status();
  // The header is synced before the first group is written: behind a torn header there is nothing.
  if (last) {
    ARROW_ASSIGN_OR_RAISE(const bool empty, IsZero(kFileHeaderBytes));
    if (empty) return false;
  }
  return Damage(0, number.ok() ? Status::IOError("it is numbered ", *number) : number.status());
}

Result<RecoveredCommit> FileScan::ReadRecord(uint64_t at) {
  if (size_ - at < kCommitHeaderBytes) return Status::IOError("a commit header is cut off");
  std::string headers(kCommitHeaderBytes, '\0');
  ARROW_RETURN_NOT_OK(Read(at, Writable(&headers)));
  RecoveredCommit record{.file = number_, .at = at};
  ARROW_ASSIGN_OR_RAISE(record.commit, ParseCommitHeader(AsBytes(headers)));
  if (record.commit.record_bytes > size_ - at || record.commit.headers_bytes > kHeadersBytesMax ||
      record.commit.group_start > at) {
    return Status::IOError("a commit is longer than its file");
  }
  headers.resize(kCommitHeaderBytes + record.commit.headers_bytes);
  ARROW_RETURN_NOT_OK(
      Read(at + kCommitHeaderBytes, Writable(&headers).subspan(kCommitHeaderBytes)));
  const auto fronts = [&](const std::vector<ParsedEntry>& entries) -> Result<std::string> {
    std::string all;
    for (const ParsedEntry& entry : entries) {
      if (entry.entry.kind != EntryKind::kRows) continue;
      all.resize(all.size() + kBatchPatchedBytes);
      ARROW_RETURN_NOT_OK(
          Read(at + entry.body_at, Writable(&all).subspan(all.size() - kBatchPatchedBytes)));
    }
    return all;
  };
  ARROW_ASSIGN_OR_RAISE(record.entries, ParseEntries(record.commit, AsBytes(headers), fronts));
  uint32_t header_at = kCommitHeaderBytes;
  for (const ParsedEntry& entry : record.entries) {
    record.header_at.push_back(header_at);
    header_at += static_cast<uint32_t>(kEntryHeaderBytes + Align8(entry.entry.side.size()));
  }
  return record;
}

Status FileScan::VerifyBodies(const RecoveredCommit& record) {
  for (const ParsedEntry& entry : record.entries) {
    std::string body(entry.body_bytes, '\0');
    ARROW_RETURN_NOT_OK(Read(record.at + entry.body_at, Writable(&body)));
    ARROW_RETURN_NOT_OK(VerifyBody(entry.entry.kind, entry.body_checksum, AsBytes(body)));
  }
  return Status::OK();
}

Status FileScan::CheckTail(uint64_t at) {
  // A whole file of zeros costs one pass; records are looked for only where their magic stands.
  std::string chunk;
  for (uint64_t from = at; from < size_;) {
    chunk.resize(std::min(kScanBytes, size_ - from));
    ARROW_RETURN_NOT_OK(file_->Read(from, Writable(&chunk)));
    for (size_t i = 0; i + 4 <= chunk.size(); i += 8) {
      if (LoadLe<uint32_t>(chunk.data() + i) != kCommitMagic || from + i <= at) continue;
      const auto found = ReadRecord(from + i);
      if (!found.ok() || found->commit.group_start <= at || found->commit.id < last_id_) continue;
      return Damage(at, Status::IOError("a later group follows at byte ", from + i));
    }
    from += chunk.size();
  }
  return Status::OK();
}

Status FileScan::Run(const Options& options,
                     const std::function<Status(const RecoveredCommit&)>& visit) {
  size_ = std::min(size_, options.bytes_max);
  uint64_t at = kFileHeaderBytes;
  // Commits of the newest group wait here until the next one begins, or until their bodies verify.
  std::vector<RecoveredCommit> group;
  const auto flush = [&]() -> Status {
    for (const RecoveredCommit& record : group) {
      if ((record.commit.flags & kCommitIsSeal) == 0) ARROW_RETURN_NOT_OK(visit(record));
    }
    group.clear();
    return Status::OK();
  };
  CommitId seen = last_id_;
  Status stopped;
  while (at < size_) {
    auto record = ReadRecord(at);
    if (!record.ok()) {
      stopped = record.status();
      break;
    }
    const bool seal = (record->commit.flags & kCommitIsSeal) != 0;
    const bool rewritten = (record->commit.flags & kCommitIsRewritten) != 0;
    if (rewritten != options.rewritten) {
      stopped = Status::IOError("a commit is in a file of another kind");
      break;
    }
    if (!rewritten && (seal ? record->commit.id < seen : record->commit.id <= seen)) {
      stopped = Status::IOError("a commit's id does not rise");
      break;
    }
    if (options.bodies) {
      stopped = VerifyBodies(*record);
      if (!stopped.ok()) break;
    }
    if (record->commit.group_start == at) ARROW_RETURN_NOT_OK(flush());
    seen = std::max(seen, record->commit.id);
    at += record->commit.record_bytes;
    group.push_back(std::move(*record));
  }
  // The newest group may be torn inside its bodies, in the last file only.
  if (options.last) {
    for (size_t i = 0; i < group.size(); ++i) {
      if (const Status verified = VerifyBodies(group[i]); !verified.ok()) {
        stopped = verified;
        at = group[i].at;
        group.resize(i);
        break;
      }
    }
  }
  const CommitId kept = group.empty() ? last_id_ : group.back().commit.id;
  if (!stopped.ok()) {
    if (!options.last) return Damage(at, stopped);
    if (at < options.synced_bytes) return Damage(at, stopped);
    last_id_ = std::max(last_id_, kept);
    ARROW_RETURN_NOT_OK(CheckTail(at));
  } else if (at < options.synced_bytes) {
    return Damage(at, Status::IOError("the file was longer: ", options.synced_bytes, " bytes"));
  }
  last_id_ = std::max(last_id_, seen);
  end_ = at;
  return flush();
}

}  // namespace firth::log
