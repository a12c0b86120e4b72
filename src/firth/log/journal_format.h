// The bytes of a journal file. docs/formats/journal.md says the same in words; a change to either
// is a new format version and a reader for the old one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/log/entry.h"
#include "firth/store/block_file.h"

namespace firth::log {

// A file: header, then commit records, each aligned to 8 bytes, then zeros (room that is reserved).
inline constexpr uint64_t kFileMagic = 0x4c4e524a48545246;  // "FRTHJRNL"
inline constexpr uint32_t kJournalVersion = 1;
inline constexpr size_t kFileHeaderBytes = 64;
//  0 u64 magic | 8 u32 version | 12 u32 header bytes | 16 u64 file number | 24 i64 made at, ns
// 32 u8[24] zero | 56 u64 XXH3-64 of bytes 0..55

inline constexpr uint32_t kCommitMagic = 0x544d4346;  // "FCMT"
inline constexpr size_t kCommitHeaderBytes = 64;
//  0 u32 magic | 4 u32 flags | 8 u32 entries | 12 u32 bytes of entry headers with their sides
// 16 u64 bytes of the record, padding included
// 24 u64 fixed checksum: bytes 0..23 and every entry header's bytes 0..79 and side
// -- assigned:
// 32 i64 commit id | 40 i64 commit time, ns | 48 u64 where in the file the group begins
// 56 u64 assigned checksum: bytes 24..55, every entry header's bytes 80..95, and the first 25 bytes
// of
//        every body of kind rows
inline constexpr uint32_t kCommitHasCatalog = 1;  // holds only if the catalog names its id
inline constexpr uint32_t kCommitIsSeal = 2;      // no commit: all before it was durable
inline constexpr uint32_t kCommitIsRewritten =
    4;  // the entries of one log, in a file sorted by log

inline constexpr size_t kEntryHeaderBytes = 96;
//  0 u8 kind | 1 u8 write class | 2 u16 zero | 4 i32 schema id | 8 i64 log | 16 u32 rows
// 20 u32 offsets | 24 u32 body bytes | 28 u32 side bytes | 32 i64 writer id | 40 i32 sequence
// 44 u32 zero | 48 i64 least record time | 56 i64 greatest record time
// 64 u64 body checksum: for rows the batch's own CRC-32C, else XXH3-64 of the body
// 72 u64 where the body begins, from the start of the record
// -- assigned:
// 80 i64 base offset | 88 u64 zero
// then the side columns, padded to 8

constexpr uint64_t Align8(uint64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

/// What a commit is given by the committer.
struct Assigned {
  CommitId id;
  int64_t time_ns = 0;
  uint64_t group_start = 0;
  std::vector<Offset> base_offsets;  // one an entry
};

/// Where a commit's record will lie, so that large bodies are put to places where they are written
/// from their own memory (store::BlockFile).
struct RecordPlace {
  uint64_t at = 0;           // in the file
  uint64_t align_bytes = 0;  // 0: bodies lie one behind another
};

/// What a record takes at most, wherever it lies.
uint64_t RecordBytesMax(const std::vector<EntryDraft>& entries, uint64_t align_bytes);

/// A commit as the parts of one gathered write: our headers, the patched front of each body, and
/// the bodies themselves by reference.
class CommitImage {
 public:
  /// `entries` must outlive the image.
  CommitImage(const std::vector<EntryDraft>& entries, uint32_t flags, const Assigned& assigned,
              const RecordPlace& place = {});
  CommitImage(const CommitImage&) = delete;
  CommitImage& operator=(const CommitImage&) = delete;

  /// Append its parts, which live as long as the image.
  void AddParts(std::vector<store::HeldBytes>* parts) const;
  uint64_t bytes() const { return bytes_; }
  /// Where the body begins whose entry header is at `header_at`; both from the start of the record.
  uint64_t body_at(uint64_t header_at) const {
    return LoadLe<uint64_t>(text_.data() + header_at + 72);
  }
  /// That body's checksum.
  uint64_t body_checksum(uint64_t header_at) const {
    return LoadLe<uint64_t>(text_.data() + header_at + 64);
  }

 private:
  const std::vector<EntryDraft>* const entries_;
  const uint64_t align_bytes_;
  std::string text_;  // the headers, then the fronts, one behind another
  size_t fronts_at_ = 0;
  uint64_t bytes_ = 0;
};

struct ParsedCommit {
  uint32_t flags = 0;
  uint32_t entries = 0;
  uint32_t headers_bytes = 0;
  uint64_t record_bytes = 0;
  uint64_t fixed_checksum = 0;
  CommitId id;
  int64_t time_ns = 0;
  uint64_t group_start = 0;
  uint64_t assigned_checksum = 0;
};

struct ParsedEntry {
  StoredEntry entry;  // without its body
  WriteClass write_class = WriteClass::kFree;
  uint32_t body_bytes = 0;
  uint64_t body_checksum = 0;
  uint64_t body_at = 0;  // from the start of the record
};

std::string EncodeFileHeader(uint64_t number, int64_t made_ns);
/// The number in a file's header. Errors: kFormatTooNew, kChecksumMismatch.
Result<uint64_t> ParseFileHeader(Bytes header);

/// Parse a commit header's fields and check that they are possible; checksums are checked by
/// ParseEntries. Bytes may be anything.
Result<ParsedCommit> ParseCommitHeader(Bytes header);
/// Parse and verify a commit's entry headers. `headers` is the record from its start to the end of
/// the entry headers; `fronts` are the first 25 bytes of each body of kind rows, in order, which is
/// known only after the entries were parsed: so it is a callback from the parsed entries.
Result<std::vector<ParsedEntry>> ParseEntries(
    const ParsedCommit& commit, Bytes headers,
    const std::function<Result<std::string>(const std::vector<ParsedEntry>&)>& fronts);

/// Append the first 25 bytes that a rows body has on disk.
void AppendBatchFront(uint64_t body_bytes, Offset base_offset, int64_t time_ns, uint32_t crc,
                      std::string* out);

/// Check a body against its entry. Error kChecksumMismatch without a place: the caller adds it.
Status VerifyBody(EntryKind kind, uint64_t checksum, Bytes body);
/// The checksum of a body as its entry header holds it.
uint64_t BodyChecksum(EntryKind kind, Bytes body);

}  // namespace firth::log
