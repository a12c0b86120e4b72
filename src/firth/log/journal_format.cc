#include "firth/log/journal_format.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "firth/common/checksum.h"
#include "firth/log/batch.h"

namespace firth::log {
namespace {

constexpr std::array<std::byte, 512> kZeros{};

/// A body is put to a place of its own where the padding that this takes is little beside it.
constexpr uint64_t kPlacedUnitsMin = 64;

bool IsPlaced(uint64_t body_bytes, uint64_t align_bytes) {
  return align_bytes != 0 && body_bytes >= kPlacedUnitsMin * align_bytes;
}

Status Damaged(std::string what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch, std::move(what));
}

uint64_t ChecksumOfFixed(const std::byte* commit, Bytes entry_headers, uint32_t entries) {
  uint64_t sum = Hash64(Bytes(commit, 24));
  for (uint32_t i = 0; i < entries; ++i) {
    const auto side = LoadLe<uint32_t>(entry_headers.data() + 28);
    sum = Hash64(entry_headers.first(80), sum);
    if (side > 0) sum = Hash64(entry_headers.subspan(kEntryHeaderBytes, Align8(side)), sum);
    entry_headers = entry_headers.subspan(kEntryHeaderBytes + Align8(side));
  }
  return sum;
}

uint64_t ChecksumOfAssigned(const std::byte* commit, Bytes entry_headers, uint32_t entries,
                            Bytes fronts) {
  uint64_t sum = Hash64(Bytes(commit + 24, 32));
  for (uint32_t i = 0; i < entries; ++i) {
    const auto side = LoadLe<uint32_t>(entry_headers.data() + 28);
    sum = Hash64(entry_headers.subspan(80, 16), sum);
    entry_headers = entry_headers.subspan(kEntryHeaderBytes + Align8(side));
  }
  return Hash64(fronts, sum);
}

void EncodeEntry(const EntryDraft& draft, uint64_t body_at, Offset base, std::string* out) {
  const size_t at = out->size();
  out->resize(at + kEntryHeaderBytes);
  char* p = out->data() + at;
  const Bytes body(reinterpret_cast<const std::byte*>(draft.body->data()),
                   static_cast<size_t>(draft.body->size()));
  p[0] = static_cast<char>(draft.kind);
  p[1] = static_cast<char>(draft.write_class);
  StoreLe<int32_t>(p + 4, draft.schema_id.value);
  StoreLe<int64_t>(p + 8, draft.log.value);
  StoreLe<uint32_t>(p + 16, draft.rows);
  StoreLe<uint32_t>(p + 20, draft.offsets);
  StoreLe<uint32_t>(p + 24, static_cast<uint32_t>(body.size()));
  StoreLe<uint32_t>(p + 28, static_cast<uint32_t>(draft.side.size()));
  StoreLe<int64_t>(p + 32, draft.writer_id.value);
  StoreLe<int32_t>(p + 40, draft.sequence);
  StoreLe<int64_t>(p + 48, draft.record_time_min_ns);
  StoreLe<int64_t>(p + 56, draft.record_time_max_ns);
  // A batch's CRC was computed when it was checked or made; reading it back here costs nothing.
  StoreLe<uint64_t>(p + 64, draft.kind == EntryKind::kRows ? LoadLe<uint32_t>(body.data() + 21)
                                                           : BodyChecksum(draft.kind, body));
  StoreLe<uint64_t>(p + 72, body_at);
  StoreLe<int64_t>(p + 80, base.value);
  out->append(draft.side);
  out->append(Align8(draft.side.size()) - draft.side.size(), '\0');
}

Result<ParsedEntry> ParseEntry(const ParsedCommit& commit, Bytes* rest) {
  if (rest->size() < kEntryHeaderBytes) return Damaged("an entry header is cut off");
  const std::byte* p = rest->data();
  ParsedEntry parsed;
  StoredEntry& entry = parsed.entry;
  entry.kind = static_cast<EntryKind>(LoadLe<uint8_t>(p));
  parsed.write_class = static_cast<WriteClass>(LoadLe<uint8_t>(p + 1));
  entry.schema_id = SchemaId(LoadLe<int32_t>(p + 4));
  entry.log = LogId(LoadLe<int64_t>(p + 8));
  entry.rows = LoadLe<uint32_t>(p + 16);
  entry.offsets = LoadLe<uint32_t>(p + 20);
  parsed.body_bytes = LoadLe<uint32_t>(p + 24);
  const auto side_bytes = LoadLe<uint32_t>(p + 28);
  entry.writer_id = WriterId(LoadLe<int64_t>(p + 32));
  entry.sequence = LoadLe<int32_t>(p + 40);
  entry.record_time_min_ns = LoadLe<int64_t>(p + 48);
  entry.record_time_max_ns = LoadLe<int64_t>(p + 56);
  parsed.body_checksum = LoadLe<uint64_t>(p + 64);
  parsed.body_at = LoadLe<uint64_t>(p + 72);
  entry.base_offset = Offset(LoadLe<int64_t>(p + 80));
  entry.commit = commit.id;
  entry.commit_time_ns = commit.time_ns;
  const bool kind_known = entry.kind == EntryKind::kRows || entry.kind == EntryKind::kFile ||
                          entry.kind == EntryKind::kMark;
  if (!kind_known || rest->size() < kEntryHeaderBytes + Align8(side_bytes) ||
      parsed.body_at > commit.record_bytes ||
      parsed.body_bytes > commit.record_bytes - parsed.body_at ||
      (entry.kind == EntryKind::kRows && parsed.body_bytes < kBatchHeaderBytes)) {
    return Damaged("an entry header holds impossible numbers");
  }
  entry.side = AsText(rest->subspan(kEntryHeaderBytes, side_bytes));
  *rest = rest->subspan(kEntryHeaderBytes + Align8(side_bytes));
  return parsed;
}

}  // namespace

uint64_t RecordBytesMax(const std::vector<EntryDraft>& entries, uint64_t align_bytes) {
  uint64_t bytes = kCommitHeaderBytes;
  for (const EntryDraft& entry : entries) {
    const auto body_bytes = static_cast<uint64_t>(entry.body->size());
    bytes += kEntryHeaderBytes + Align8(entry.side.size()) + Align8(body_bytes);
    if (IsPlaced(body_bytes, align_bytes)) bytes += Align8(align_bytes);
  }
  return bytes;
}

CommitImage::CommitImage(const std::vector<EntryDraft>& entries, uint32_t flags,
                         const Assigned& assigned, const RecordPlace& place)
    : entries_(&entries), align_bytes_(place.align_bytes) {
  FIRTH_CHECK(assigned.base_offsets.size() == entries.size());
  fronts_at_ = kCommitHeaderBytes;
  for (const EntryDraft& entry : entries) {
    fronts_at_ += kEntryHeaderBytes + Align8(entry.side.size());
  }
  text_.reserve(fronts_at_ + entries.size() * kBatchPatchedBytes);
  text_.resize(kCommitHeaderBytes);
  uint64_t at = fronts_at_;
  for (size_t i = 0; i < entries.size(); ++i) {
    const EntryDraft& entry = entries[i];
    const auto body_bytes = static_cast<uint64_t>(entry.body->size());
    if (IsPlaced(body_bytes, align_bytes_)) {
      const auto address = reinterpret_cast<uintptr_t>(entry.body->data());
      at += (address - (place.at + at)) % align_bytes_;
    }
    EncodeEntry(entry, at, assigned.base_offsets[i], &text_);
    at = Align8(at + body_bytes);
  }
  bytes_ = at;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].kind != EntryKind::kRows) continue;
    AppendBatchFront(static_cast<uint64_t>(entries[i].body->size()), assigned.base_offsets[i],
                     assigned.time_ns, LoadLe<uint32_t>(entries[i].body->data() + 21), &text_);
  }
  char* p = text_.data();
  const auto* bytes = reinterpret_cast<const std::byte*>(p);
  StoreLe<uint32_t>(p, kCommitMagic);
  StoreLe<uint32_t>(p + 4, flags);
  StoreLe<uint32_t>(p + 8, static_cast<uint32_t>(entries.size()));
  StoreLe<uint32_t>(p + 12, static_cast<uint32_t>(fronts_at_ - kCommitHeaderBytes));
  StoreLe<uint64_t>(p + 16, bytes_);
  const Bytes entry_headers =
      AsBytes(text_).subspan(kCommitHeaderBytes, fronts_at_ - kCommitHeaderBytes);
  const Bytes fronts = AsBytes(text_).subspan(fronts_at_);
  const auto count = static_cast<uint32_t>(entries.size());
  StoreLe<uint64_t>(p + 24, ChecksumOfFixed(bytes, entry_headers, count));
  StoreLe<int64_t>(p + 32, assigned.id.value);
  StoreLe<int64_t>(p + 40, assigned.time_ns);
  StoreLe<uint64_t>(p + 48, assigned.group_start);
  StoreLe<uint64_t>(p + 56, ChecksumOfAssigned(bytes, entry_headers, count, fronts));
}

void CommitImage::AddParts(std::vector<store::HeldBytes>* parts) const {
  uint64_t at = 0;
  const auto add = [&](Bytes bytes, const std::shared_ptr<arrow::Buffer>& owner = nullptr) {
    if (bytes.empty()) return;
    parts->push_back({.bytes = bytes, .owner = owner});
    at += bytes.size();
  };
  const auto pad_to = [&](uint64_t end) {
    while (at < end) add(Bytes(kZeros).first(std::min<uint64_t>(end - at, kZeros.size())));
  };
  add(AsBytes(text_).first(fronts_at_));
  Bytes fronts = AsBytes(text_).subspan(fronts_at_);
  uint64_t header_at = kCommitHeaderBytes;
  for (const EntryDraft& entry : *entries_) {
    const Bytes body(reinterpret_cast<const std::byte*>(entry.body->data()),
                     static_cast<size_t>(entry.body->size()));
    const size_t front = entry.kind == EntryKind::kRows ? kBatchPatchedBytes : 0;
    pad_to(body_at(header_at));
    add(fronts.first(front));
    fronts = fronts.subspan(front);
    add(body.subspan(front), IsPlaced(body.size(), align_bytes_) ? entry.body : nullptr);
    header_at += kEntryHeaderBytes + Align8(entry.side.size());
  }
  pad_to(bytes_);
}

std::string EncodeFileHeader(uint64_t number, int64_t made_ns) {
  std::string header(kFileHeaderBytes, '\0');
  StoreLe<uint64_t>(header.data(), kFileMagic);
  StoreLe<uint32_t>(header.data() + 8, kJournalVersion);
  StoreLe<uint32_t>(header.data() + 12, static_cast<uint32_t>(kFileHeaderBytes));
  StoreLe<uint64_t>(header.data() + 16, number);
  StoreLe<int64_t>(header.data() + 24, made_ns);
  StoreLe<uint64_t>(header.data() + 56, Hash64(AsBytes(header).first(56)));
  return header;
}

Result<uint64_t> ParseFileHeader(Bytes header) {
  if (header.size() < kFileHeaderBytes || LoadLe<uint64_t>(header.data()) != kFileMagic ||
      LoadLe<uint64_t>(header.data() + 56) != Hash64(header.first(56))) {
    return Damaged("the file's header is damaged");
  }
  if (const auto version = LoadLe<uint32_t>(header.data() + 8); version > kJournalVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "the journal has format " + std::to_string(version) +
                     "; this binary reads up to " + std::to_string(kJournalVersion) +
                     ": use a newer firth");
  }
  return LoadLe<uint64_t>(header.data() + 16);
}

Result<ParsedCommit> ParseCommitHeader(Bytes header) {
  if (header.size() < kCommitHeaderBytes || LoadLe<uint32_t>(header.data()) != kCommitMagic) {
    return Damaged("no commit begins here");
  }
  const std::byte* p = header.data();
  ParsedCommit commit;
  commit.flags = LoadLe<uint32_t>(p + 4);
  commit.entries = LoadLe<uint32_t>(p + 8);
  commit.headers_bytes = LoadLe<uint32_t>(p + 12);
  commit.record_bytes = LoadLe<uint64_t>(p + 16);
  commit.fixed_checksum = LoadLe<uint64_t>(p + 24);
  commit.id = CommitId(LoadLe<int64_t>(p + 32));
  commit.time_ns = LoadLe<int64_t>(p + 40);
  commit.group_start = LoadLe<uint64_t>(p + 48);
  commit.assigned_checksum = LoadLe<uint64_t>(p + 56);
  if (commit.record_bytes % 8 != 0 ||
      commit.record_bytes < kCommitHeaderBytes + uint64_t{commit.headers_bytes} ||
      commit.headers_bytes < uint64_t{commit.entries} * kEntryHeaderBytes) {
    return Damaged("a commit header holds impossible numbers");
  }
  return commit;
}

Result<std::vector<ParsedEntry>> ParseEntries(
    const ParsedCommit& commit, Bytes headers,
    const std::function<Result<std::string>(const std::vector<ParsedEntry>&)>& fronts) {
  FIRTH_CHECK(headers.size() == kCommitHeaderBytes + commit.headers_bytes);
  std::vector<ParsedEntry> entries;
  entries.reserve(commit.entries);
  Bytes rest = headers.subspan(kCommitHeaderBytes);
  const Bytes all = rest;
  for (uint32_t i = 0; i < commit.entries; ++i) {
    ARROW_ASSIGN_OR_RAISE(ParsedEntry entry, ParseEntry(commit, &rest));
    entries.push_back(std::move(entry));
  }
  if (!rest.empty()) return Damaged("a commit's headers are longer than its entries");
  if (ChecksumOfFixed(headers.data(), all, commit.entries) != commit.fixed_checksum) {
    return Damaged("a commit's headers do not match their checksum");
  }
  ARROW_ASSIGN_OR_RAISE(const std::string front_bytes, fronts(entries));
  if (ChecksumOfAssigned(headers.data(), all, commit.entries, AsBytes(front_bytes)) !=
      commit.assigned_checksum) {
    return Damaged("a commit's assigned fields do not match their checksum");
  }
  return entries;
}

void AppendBatchFront(uint64_t body_bytes, Offset base_offset, int64_t time_ns, uint32_t crc,
                      std::string* out) {
  const size_t at = out->size();
  out->resize(at + kBatchPatchedBytes);
  char* const front = out->data() + at;
  StoreLe<int64_t>(front, base_offset.value);
  StoreLe<int32_t>(front + 8, static_cast<int32_t>(body_bytes - 12));
  StoreLe<int64_t>(front + 13, time_ns / 1'000'000);
  StoreLe<uint32_t>(front + 21, crc);
}

uint64_t BodyChecksum(EntryKind kind, Bytes body) {
  return kind == EntryKind::kRows ? Crc32c(body.subspan(kBatchPatchedBytes)) : Hash64(body);
}

Status VerifyBody(EntryKind kind, uint64_t checksum, Bytes body) {
  if (BodyChecksum(kind, body) == checksum) return Status::OK();
  return Damaged("an entry's body does not match its checksum");
}

}  // namespace firth::log
