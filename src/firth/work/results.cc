#include "firth/work/results.h"

#include <algorithm>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"
#include "firth/common/text.h"

namespace firth::work {
namespace {

constexpr std::string_view kMagic = "FRS1";
constexpr size_t kPageBytes = 256 << 10;
constexpr size_t kEntryBytes = 32;
constexpr size_t kTrailerBytes = 32;
constexpr size_t kRowHeadBytes = 12;

std::span<const std::byte> BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

Status Damaged(const std::string& path) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch, "the result in " + path + " is damaged");
}

Result<std::string> ReadAt(const store::File& file, uint64_t position, uint64_t bytes) {
  std::string out(bytes, '\0');
  ARROW_RETURN_NOT_OK(file.Read(position, {reinterpret_cast<std::byte*>(out.data()), out.size()}));
  return out;
}

struct Page {
  uint64_t position = 0;
  uint64_t bytes = 0;
  int64_t first = 0;
  uint64_t hash = 0;
};
struct Index {
  std::vector<Page> pages;
  int64_t rows = 0;
};

Result<Index> ReadIndex(const store::File& file) {
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, file.Size());
  if (size < kMagic.size() + kTrailerBytes) return Damaged(file.name());
  ARROW_ASSIGN_OR_RAISE(const std::string trailer,
                        ReadAt(file, size - kTrailerBytes, kTrailerBytes));
  const auto position = LoadLe<uint64_t>(trailer.data());
  const auto pages = LoadLe<uint64_t>(trailer.data() + 8);
  Index index{.rows = LoadLe<int64_t>(trailer.data() + 16)};
  const uint64_t room = size - kTrailerBytes;
  if (position < kMagic.size() || position > room || pages != (room - position) / kEntryBytes ||
      (room - position) % kEntryBytes != 0) {
    return Damaged(file.name());
  }
  ARROW_ASSIGN_OR_RAISE(const std::string entries, ReadAt(file, position, pages * kEntryBytes));
  if (Hash64(BytesOf(entries + trailer.substr(0, 24))) != LoadLe<uint64_t>(trailer.data() + 24)) {
    return Damaged(file.name());
  }
  for (size_t i = 0; i < pages; ++i) {
    const char* at = entries.data() + i * kEntryBytes;
    index.pages.push_back({.position = LoadLe<uint64_t>(at),
                           .bytes = LoadLe<uint64_t>(at + 8),
                           .first = LoadLe<int64_t>(at + 16),
                           .hash = LoadLe<uint64_t>(at + 24)});
  }
  return index;
}

}  // namespace

ResultWriter::~ResultWriter() {
  if (file_ == nullptr) return;
  file_.reset();
  // What stays is removed at the next start.
  static_cast<void>(files_->Remove(path_ + store::kTemporarySuffix).ok());
}

Status ResultWriter::Append(std::string_view bytes, int64_t time) {
  if (position_ + page_.size() + bytes.size() > bytes_max_) {
    return Error(Code::kResourceExhausted, Reason::kOverBudget,
                 "the result has more than the " + std::to_string(bytes_max_ >> 20) +
                     " MiB that one may have");
  }
  AppendLe(&page_, static_cast<uint32_t>(bytes.size()));
  AppendLe(&page_, time);
  page_ += bytes;
  ++rows_;
  return page_.size() < kPageBytes ? Status::OK() : Flush();
}

Status ResultWriter::Flush() {
  if (page_.empty()) return Status::OK();
  AppendLe(&index_, position_);
  AppendLe(&index_, static_cast<uint64_t>(page_.size()));
  AppendLe(&index_, page_first_);
  AppendLe(&index_, Hash64(BytesOf(page_)));
  ARROW_RETURN_NOT_OK(file_->Write(position_, {BytesOf(page_)}));
  position_ += page_.size();
  page_first_ = rows_;
  ++pages_;
  page_.clear();
  return Status::OK();
}

Status ResultWriter::Finish() {
  ARROW_RETURN_NOT_OK(Flush());
  std::string numbers;
  AppendLe(&numbers, position_);
  AppendLe(&numbers, pages_);
  AppendLe(&numbers, rows_);
  const std::string covered = index_ + numbers;
  std::string tail = covered;
  AppendLe(&tail, Hash64(BytesOf(covered)));
  ARROW_RETURN_NOT_OK(file_->Write(position_, {BytesOf(tail)}));
  ARROW_RETURN_NOT_OK(file_->Sync());
  ARROW_RETURN_NOT_OK(files_->Rename(path_ + store::kTemporarySuffix, path_));
  file_.reset();
  return files_->SyncFolder(folder_);
}

std::string Results::PathOf(const std::string& id) const {
  return folder_ + "/" + ToHex(id);
}

Status Results::Open() {
  ARROW_RETURN_NOT_OK(store::MakeFolderDurably(files_, folder_));
  ARROW_ASSIGN_OR_RAISE(const auto found, files_->List(folder_));
  for (const auto& file : found) {
    if (file.name.ends_with(store::kTemporarySuffix)) {
      ARROW_RETURN_NOT_OK(files_->Remove(folder_ + "/" + file.name));
    }
  }
  return Status::OK();
}

Result<std::unique_ptr<ResultWriter>> Results::Create(const std::string& id, uint64_t bytes_max) {
  std::unique_ptr<ResultWriter> writer(new ResultWriter());
  writer->files_ = files_;
  writer->folder_ = folder_;
  writer->path_ = PathOf(id);
  writer->bytes_max_ = bytes_max;
  const std::string path = writer->path_ + store::kTemporarySuffix;
  ARROW_RETURN_NOT_OK(files_->Remove(path));  // of an earlier try
  ARROW_ASSIGN_OR_RAISE(writer->file_, files_->Create(path));
  ARROW_RETURN_NOT_OK(writer->file_->Write(0, {BytesOf(kMagic)}));
  writer->position_ = kMagic.size();
  return writer;
}

Result<std::vector<ResultRow>> Results::Read(const std::string& id, int64_t from, int64_t limit) {
  const std::string path = PathOf(id);
  ARROW_ASSIGN_OR_RAISE(const auto file, files_->Open(path));
  ARROW_ASSIGN_OR_RAISE(const Index index, ReadIndex(*file));
  std::vector<ResultRow> rows;
  const int64_t to = std::min(index.rows, from > index.rows - limit ? index.rows : from + limit);
  for (size_t i = 0; i < index.pages.size() && from >= 0; ++i) {
    const Page& page = index.pages[i];
    const int64_t end = i + 1 < index.pages.size() ? index.pages[i + 1].first : index.rows;
    if (end <= from || page.first >= to) continue;
    ARROW_ASSIGN_OR_RAISE(const uint64_t size, file->Size());
    if (page.bytes > size) return Damaged(path);
    ARROW_ASSIGN_OR_RAISE(const std::string bytes, ReadAt(*file, page.position, page.bytes));
    if (Hash64(BytesOf(bytes)) != page.hash) return Damaged(path);
    size_t at = 0;
    for (int64_t row = page.first; row < end; ++row) {
      if (bytes.size() - at < kRowHeadBytes) return Damaged(path);
      const size_t length = LoadLe<uint32_t>(bytes.data() + at);
      const auto time = LoadLe<int64_t>(bytes.data() + at + 4);
      at += kRowHeadBytes;
      if (bytes.size() - at < length) return Damaged(path);
      if (row >= from && row < to)
        rows.push_back({.bytes = bytes.substr(at, length), .time = time});
      at += length;
    }
  }
  return rows;
}

Status Results::Remove(const std::string& id) {
  return files_->Remove(PathOf(id));
}

Result<std::vector<std::string>> Results::List() {
  ARROW_ASSIGN_OR_RAISE(const auto found, files_->List(folder_));
  std::vector<std::string> ids;
  for (const auto& file : found) {
    if (file.is_folder || file.name.ends_with(store::kTemporarySuffix)) continue;
    const auto id = FromHex(file.name);
    if (id.ok()) ids.push_back(*id);
  }
  return ids;
}

}  // namespace firth::work
