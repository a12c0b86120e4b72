#include "firth/timeview/record_scanner.h"

#include <algorithm>
#include <string>
#include <utility>

namespace firth::timeview {
namespace {

constexpr uint64_t kWindowBytes = uint64_t{1} << 20;

}  // namespace

Result<RecordScanner> RecordScanner::Open(NodeFilePtr file, uint64_t bytes) {
  RecordScanner scanner;
  scanner.file_ = std::move(file);
  scanner.next_ = kFileHeaderBytes;
  const auto open = [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(scanner.open_, scanner.file_->Open());
    ARROW_ASSIGN_OR_RAISE(scanner.end_, scanner.file_->RecordsEnd(bytes));
    if (scanner.file_->kind() == FileKind::kPacked) {
      ARROW_ASSIGN_OR_RAISE(const auto places, scanner.file_->Places());
      for (const PackedPlace& place : places) scanner.places_[place.position] = place;
    }
    return Status::OK();
  };
  const Status opened = open();
  if (!opened.ok()) return scanner.Damaged(0, opened);
  return scanner;
}

Status RecordScanner::Damaged(uint64_t position, const Status& status) const {
  return Error(CodeOf(status), ReasonOf(status),
               file_->path() + " at " + std::to_string(position) + ": " + MessageOf(status));
}

Result<Bytes> RecordScanner::At(uint64_t position, uint64_t bytes) {
  if (position < window_at_ || position + bytes > window_at_ + window_.size()) {
    if (position + bytes > end_) return Malformed("a record that is cut off");
    window_.resize(std::min(std::max(bytes, kWindowBytes), end_ - position));
    window_at_ = position;
    ARROW_RETURN_NOT_OK(open_->Read(position, window_));
  }
  return Bytes(window_).subspan(position - window_at_, bytes);
}

Result<std::optional<RecordScanner::Found>> RecordScanner::Next() {
  while (next_ < end_) {
    const uint64_t position = next_;
    // Zeros in place of a checksum and a length, as far as the page goes: the rest of it is empty.
    if (end_ - position < kRecordHeaderBytes) return std::nullopt;
    auto bytes = At(position, kRecordHeaderBytes);
    if (!bytes.ok()) return Damaged(position, bytes.status());
    const uint64_t page_end = (position / kRecordPageBytes + 1) * kRecordPageBytes;
    if (LoadLe<uint64_t>(bytes->data()) == 0 &&
        (page_end - position == kRecordAlignment || LoadLe<uint64_t>(bytes->data() + 8) == 0)) {
      next_ = page_end;
      continue;
    }
    const auto header = ParseRecordHeader(*bytes);
    if (!header.ok()) return Damaged(position, header.status());
    Found found{.header = *header, .position = position};
    found.address = {.file = file_->number(),
                     .offset = static_cast<uint32_t>(position / kRecordAlignment),
                     .bytes = RecordBytes(header->bytes)};
    if (file_->kind() == FileKind::kPacked) {
      const auto place = places_.find(found.address.offset);
      if (place == places_.end()) {
        return Damaged(position, Malformed("a record that the index does not name"));
      }
      found.address.file = place->second.file;
      found.address.offset = place->second.offset;
    }
    if (position + found.address.bytes > end_) {
      return Damaged(position, Malformed("a record that is cut off"));
    }
    next_ = position + found.address.bytes;
    return found;
  }
  return std::nullopt;
}

Result<Bytes> RecordScanner::Verified(const Found& found) {
  auto bytes = At(found.position, found.address.bytes);
  if (!bytes.ok()) return Damaged(found.position, bytes.status());
  const auto record = ParseRecord(*bytes, found.address);
  if (!record.ok()) return Damaged(found.position, record.status());
  return *bytes;
}

}  // namespace firth::timeview
