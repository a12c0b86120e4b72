#include "firth/table/file_entry.h"

namespace firth::table {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kOrdered = 1;
constexpr size_t kFrontBytes = 16;

Status Bad(const char* what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch, std::string("a file entry ") + what);
}

}  // namespace

std::string EncodeFileEntry(const FileEntry& entry) {
  std::string body;
  AppendLe<uint8_t>(&body, kVersion);
  AppendLe<uint8_t>(&body, entry.ordered ? kOrdered : 0);
  AppendLe<uint16_t>(&body, 0);
  AppendLe<uint32_t>(&body, static_cast<uint32_t>(entry.batches.size()));
  AppendLe<int64_t>(&body, entry.file.value);
  for (const uint32_t rows : entry.batches) AppendLe<uint32_t>(&body, rows);
  return body;
}

Result<FileEntry> ParseFileEntry(Bytes body) {
  if (body.size() < kFrontBytes) return Bad("is cut off");
  if (LoadLe<uint8_t>(body.data()) != kVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "a file entry was written by a newer program");
  }
  FileEntry entry;
  entry.ordered = (LoadLe<uint8_t>(body.data() + 1) & kOrdered) != 0;
  const auto count = LoadLe<uint32_t>(body.data() + 4);
  entry.file = catalog::FileId(LoadLe<int64_t>(body.data() + 8));
  if ((body.size() - kFrontBytes) / sizeof(uint32_t) != count ||
      (body.size() - kFrontBytes) % sizeof(uint32_t) != 0) {
    return Bad("has another length than it says");
  }
  for (size_t at = kFrontBytes; at < body.size(); at += sizeof(uint32_t)) {
    entry.batches.push_back(LoadLe<uint32_t>(body.data() + at));
    if (entry.batches.back() == 0) return Bad("has an empty batch");
  }
  return entry;
}

}  // namespace firth::table
