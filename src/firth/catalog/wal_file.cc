#include "firth/catalog/wal_file.h"

#include <algorithm>
#include <utility>

#include "firth/common/checksum.h"

namespace firth::catalog {
namespace {

/// A hash of a page that is never 0.
uint64_t PageHash(uint64_t hash) {
  return hash == 0 ? 1 : hash;
}

struct Place {
  uint64_t frame;
  uint64_t offset;  // in the frame
};

Place PlaceOf(uint64_t position) {
  const uint64_t past_header = position - kWalHeaderBytes;
  return {past_header / kWalFrameBytes, past_header % kWalFrameBytes};
}

}  // namespace

Result<std::unique_ptr<WalFile>> WalFile::Open(std::unique_ptr<store::File> file, uint64_t bytes,
                                               NewName new_name, WalMark* mark) {
  ARROW_ASSIGN_OR_RAISE(const WalScan scan, ScanWal(*file, bytes));
  const bool keeps_promise = mark->frames() == 0 || (scan.has_header && scan.salt == mark->salt() &&
                                                     scan.frames_committed >= mark->frames());
  if (!keeps_promise) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "'" + file->name() + "' is damaged: " + std::to_string(mark->frames()) +
                     " frames were durable, but only " +
                     std::to_string(scan.salt == mark->salt() ? scan.frames_committed : 0) +
                     " are whole");
  }
  // What a killed process wrote may be whole and yet not durable; it will be shown, so it must be.
  if (scan.frames_committed > 0) ARROW_RETURN_NOT_OK(file->Sync());
  std::unique_ptr<WalFile> wal(new WalFile(std::move(file), bytes, std::move(new_name)));
  wal->mark_ = mark;
  wal->has_header_ = scan.has_header;
  wal->salt_ = scan.salt;
  for (const uint64_t hash : scan.page_hashes) wal->frames_.push_back({PageHash(hash), false});
  wal->frames_ended_ = scan.frames_committed;
  wal->frames_durable_ = scan.frames_committed;
  return wal;
}

WalFile::Frame& WalFile::FrameAt(uint64_t index) {
  if (index >= frames_.size()) frames_.resize(index + 1);
  return frames_[index];
}

Status WalFile::Read(uint64_t position, std::span<std::byte> out) {
  ARROW_RETURN_NOT_OK(LayerFile::Read(position, out));
  if (out.size() != kPageBytes || position < kWalHeaderBytes) return Status::OK();
  const Place place = PlaceOf(position);
  if (place.offset != kWalFrameHeaderBytes || place.frame >= frames_.size()) return Status::OK();
  const uint64_t expected = frames_[place.frame].page_hash;
  if (expected == 0 || expected == PageHash(Hash64(out))) return Status::OK();
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "frame " + std::to_string(place.frame + 1) + " of '" + name() +
                   "' is damaged: its page is not what was written");
}

Status WalFile::BeginAnew(Bytes header) {
  ARROW_RETURN_NOT_OK(mark_->Clear());
  frames_.clear();
  frames_ended_ = 0;
  frames_durable_ = 0;
  has_header_ = false;
  salt_ = SaltOfHeader(header);
  return Status::OK();
}

Status WalFile::Write(uint64_t position, Bytes bytes) {
  const bool is_header = position == 0 && bytes.size() == kWalHeaderBytes;
  if (is_header) ARROW_RETURN_NOT_OK(BeginAnew(bytes));
  const Status status = LayerFile::Write(position, bytes);
  if (ReasonOf(status) == Reason::kDiskFull) return CutBack(status);
  ARROW_RETURN_NOT_OK(status);
  if (is_header) {
    has_header_ = true;
  } else if (position >= kWalHeaderBytes) {
    Note(position, bytes);
  }
  return Status::OK();
}

void WalFile::Note(uint64_t position, Bytes bytes) {
  const Place place = PlaceOf(position);
  if (place.offset == 0 && bytes.size() == kWalFrameHeaderBytes) {
    FrameAt(place.frame).ends_transaction = EndsTransaction(bytes);
  } else if (place.offset == kWalFrameHeaderBytes && bytes.size() == kPageBytes) {
    Frame& frame = FrameAt(place.frame);
    frame.page_hash = PageHash(Hash64(bytes));
    if (frame.ends_transaction) frames_ended_ = place.frame + 1;
  } else {
    // Not how SQLite writes frames today: what is written is not known to be whole.
    const Place last = PlaceOf(position + bytes.size() - 1);
    for (uint64_t i = place.frame; i <= last.frame; ++i) FrameAt(i) = Frame{};
  }
}

Status WalFile::CutBack(Status failure) {
  const uint64_t end = has_header_ ? FrameBegin(frames_durable_) : 0;
  if (bytes() > end) ARROW_RETURN_NOT_OK(Truncate(end));
  ARROW_RETURN_NOT_OK(LayerFile::Sync());
  return failure;
}

Status WalFile::Truncate(uint64_t bytes) {
  ARROW_RETURN_NOT_OK(LayerFile::Truncate(bytes));
  const uint64_t whole = bytes < kWalHeaderBytes ? 0 : (bytes - kWalHeaderBytes) / kWalFrameBytes;
  if (whole < frames_.size()) frames_.resize(whole);
  frames_ended_ = std::min(frames_ended_, whole);
  return Status::OK();
}

Status WalFile::Sync() {
  ARROW_RETURN_NOT_OK(LayerFile::Sync());
  if (frames_ended_ == frames_durable_) return Status::OK();
  frames_durable_ = frames_ended_;
  return mark_->Set(salt_, frames_durable_);
}

}  // namespace firth::catalog
