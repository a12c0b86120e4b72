// Space that comes back: files that are mostly dead are rewritten.
//
// Nobody keeps a list of what is dead. A file's dead bytes are estimated, by counting what new
// trees replace and by looking for series that are gone; what really lives is asked of the trees
// when a file is rewritten. A record keeps its address when it moves (node_files.h), so nothing
// that leads to it has to be written again.

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "firth/timeview/base.h"
#include "firth/timeview/record_scanner.h"

namespace firth::timeview {
namespace {

/// A file is rewritten when so large a part of it is dead: 1 / this.
constexpr uint64_t kDeadPart = 2;
constexpr size_t kWriteBytes = size_t{1} << 20;

}  // namespace

Status Base::Search(uint32_t number) {
  FileState state;
  uint64_t obliterations = 0;
  {
    std::lock_guard lock(mutex_);
    state = file_states_.at(number);
    obliterations = obliterations_;
  }
  uint64_t gone = 0;
  SeriesId last;
  bool last_gone = false;
  bool any = false;
  ARROW_ASSIGN_OR_RAISE(auto scanner, RecordScanner::Open(state.file, state.bytes));
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto found, scanner.Next());
    if (!found) break;
    if (!any || found->header.series != last) {
      ARROW_ASSIGN_OR_RAISE(const auto head, directory_->Find(found->header.series));
      any = true;
      last = found->header.series;
      last_gone = !head;
    }
    if (last_gone) gone += found->address.bytes;
  }
  std::lock_guard lock(mutex_);
  FileState& entry = file_states_.at(number);
  entry.gone_bytes = gone;
  entry.searched = obliterations;
  return Status::OK();
}

std::vector<uint32_t> Base::ChooseVictims(uint64_t bytes_max) const {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<uint64_t, uint32_t>> candidates;  // bytes that live, number
  for (const auto& [number, state] : file_states_) {
    if (writer_->file() && number == writer_->file()->number()) continue;
    if (state.dead_bytes() * kDeadPart >= state.bytes) {
      candidates.emplace_back(state.bytes - state.dead_bytes(), number);
    }
  }
  std::sort(candidates.begin(), candidates.end());
  std::vector<uint32_t> victims;
  uint64_t bytes = 0;
  for (const auto& [live, number] : candidates) {
    bytes += file_states_.at(number).bytes;
    if (!victims.empty() && bytes > bytes_max) break;
    victims.push_back(number);
  }
  return victims;
}

Result<Base::FileState> Base::Pack(const std::vector<uint32_t>& victims, uint32_t number,
                                   const IsLive& is_live) {
  const std::string path = PathOf(FileKind::kPacked, number);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<store::File> file, files_->Create(path));
  std::string buffer = EncodeFileHeader(FileKind::kPacked, number);
  uint64_t written = 0;
  std::vector<PackedPlace> places;
  const auto flush = [&]() -> Status {
    ARROW_RETURN_NOT_OK(file->Write(written, {AsBytes(buffer)}));
    written += buffer.size();
    buffer.clear();
    return Status::OK();
  };
  for (const uint32_t victim : victims) {
    FileState state;
    {
      std::lock_guard lock(mutex_);
      state = file_states_.at(victim);
    }
    ARROW_ASSIGN_OR_RAISE(auto scanner, RecordScanner::Open(state.file, state.bytes));
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const auto found, scanner.Next());
      if (!found) break;
      ARROW_ASSIGN_OR_RAISE(const bool live, is_live(found->header, found->address));
      if (!live) continue;
      ARROW_ASSIGN_OR_RAISE(const Bytes bytes, scanner.Verified(*found));
      places.push_back(
          {.file = found->address.file,
           .offset = found->address.offset,
           .position = static_cast<uint32_t>((written + buffer.size()) / kRecordAlignment)});
      buffer.append(AsText(bytes));
      if (buffer.size() >= kWriteBytes) ARROW_RETURN_NOT_OK(flush());
    }
  }
  if (places.empty()) {
    ARROW_RETURN_NOT_OK(files_->Remove(path));
    return FileState{};
  }
  std::sort(places.begin(), places.end());
  buffer += EncodePackedIndex(number, written + buffer.size(), places);
  ARROW_RETURN_NOT_OK(flush());
  ARROW_RETURN_NOT_OK(Fail(file->Sync()));
  FileState packed;
  packed.file = std::make_shared<NodeFile>(files_, path, FileKind::kPacked, number);
  packed.file->Adopt(std::move(file));
  packed.bytes = written;
  {
    std::lock_guard lock(mutex_);
    packed.searched = obliterations_;
  }
  return packed;
}

Result<Reclaimed> Base::Reclaim(uint64_t bytes_max, const IsLive& is_live) {
  ARROW_RETURN_NOT_OK(failed());
  std::vector<uint32_t> unsearched;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [number, state] : file_states_) {
      const bool open = writer_->file() && number == writer_->file()->number();
      if (!open && state.searched < obliterations_) unsearched.push_back(number);
    }
  }
  uint64_t searched_bytes = 0;
  Reclaimed reclaimed;
  for (const uint32_t number : unsearched) {
    reclaimed.more = searched_bytes > bytes_max;
    if (reclaimed.more) break;
    ARROW_RETURN_NOT_OK(Search(number));
    std::lock_guard lock(mutex_);
    searched_bytes += file_states_.at(number).bytes;
  }
  const std::vector<uint32_t> victims = ChooseVictims(bytes_max);
  if (victims.empty()) return reclaimed;
  reclaimed.more = true;

  const uint32_t number = next_number_++;
  auto packed = Pack(victims, number, is_live);
  if (!packed.ok()) {
    // The victims stay as they are.
    const Status removed = files_->Remove(PathOf(FileKind::kPacked, number));
    return removed.ok() ? packed.status() : removed;
  }
  std::vector<std::string> gone;
  {
    std::lock_guard lock(mutex_);
    const std::set<uint32_t> packed_before(victims.begin(), victims.end());
    for (auto moved = moved_.begin(); moved != moved_.end();) {
      if (packed_before.count(moved->second) == 0) {
        ++moved;
      } else if (packed->file) {
        moved->second = number;
        ++moved;
      } else {
        moved = moved_.erase(moved);
      }
    }
    for (const uint32_t victim : victims) {
      const FileState& state = file_states_.at(victim);
      gone.push_back(state.file->path());
      reclaimed.freed_bytes += state.bytes;
      ++reclaimed.files;
      if (packed->file && state.file->kind() == FileKind::kNodes) moved_[victim] = number;
      file_states_.erase(victim);
    }
    if (packed->file) {
      file_states_[number] = *packed;
      reclaimed.freed_bytes -= std::min(reclaimed.freed_bytes, packed->bytes);
    }
  }
  ShareTable();
  ARROW_RETURN_NOT_OK(PublishFiles(watermark(), std::move(gone)));
  return reclaimed;
}

}  // namespace firth::timeview
