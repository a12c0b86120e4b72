#include "firth/timeview/directory.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "firth/common/checksum.h"
#include "firth/common/logging.h"
#include "firth/timeview/node_files.h"
#include "firth/timeview/record.h"

namespace firth::timeview {
namespace {

// | file header | blocks of 4096 bytes | the first id of each block | u64 XXH3-64 of those ids
// A block: | u64 XXH3-64 of the rest, its seed number << 32 | index | u32 entries | u32 zero
//          | entries of 32 bytes: u8[16] series, address, u32 zero | zeros
constexpr size_t kBlockBytes = DirectoryRun::kBlockBytes;
constexpr size_t kBlockHeadBytes = 16;
constexpr size_t kEntryBytes = 32;
constexpr size_t kBlockEntries = (kBlockBytes - kBlockHeadBytes) / kEntryBytes;
/// Places for what the next base changes that are kept at most.
constexpr size_t kReservedMost = size_t{1} << 16;
constexpr size_t kWriteBytes = size_t{1} << 20;

uint64_t BlocksOf(uint64_t entries) {
  return (entries + kBlockEntries - 1) / kBlockEntries;
}
uint64_t SeedOf(uint32_t number, uint64_t block) {
  return uint64_t{number} << 32 | block;
}

Status At(const std::string& path, uint64_t position, const Status& status) {
  return Error(CodeOf(status), ReasonOf(status),
               path + " at " + std::to_string(position) + ": " + MessageOf(status));
}

Status Mismatch() {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a checksum does not match");
}

/// Reads a run from its beginning.
class RunReader {
 public:
  explicit RunReader(const DirectoryRun& run) : run_(run) {}
  /// Read the first entry, and then each next one; nullptr at the end.
  Result<const DirectoryEntry*> Peek() {
    while (next_ == entries_) {
      if (next_block_ == run_.blocks()) return nullptr;
      ARROW_ASSIGN_OR_RAISE(entries_, run_.ReadBlock(next_block_++, &room_));
      next_ = 0;
      if (entries_ > 0) entry_ = DirectoryRun::EntryOf(room_, 0);
    }
    return &entry_;
  }
  void Step() {
    if (++next_ < entries_) entry_ = DirectoryRun::EntryOf(room_, next_);
  }

 private:
  const DirectoryRun& run_;
  uint64_t next_block_ = 0;
  DirectoryRun::BlockRoom room_;
  size_t entries_ = 0;
  DirectoryEntry entry_;  // the next
  size_t next_ = 0;
};

}  // namespace

Result<DirectoryRunPtr> DirectoryRun::Open(store::FileSystem* files, std::string path,
                                           uint32_t number, uint64_t entries) {
  auto run = std::make_shared<DirectoryRun>();
  run->files_ = files;
  run->path_ = std::move(path);
  run->number_ = number;
  run->entries_ = entries;
  ARROW_ASSIGN_OR_RAISE(run->file_, files->Open(run->path_));
  std::byte header[kFileHeaderBytes];
  ARROW_RETURN_NOT_OK(run->file_->Read(0, header));
  const Status checked = CheckFileHeader(header, FileKind::kDirectory, number);
  if (!checked.ok()) return At(run->path_, 0, checked);
  const uint64_t blocks = BlocksOf(entries);
  const uint64_t position = kFileHeaderBytes + blocks * kBlockBytes;
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, run->file_->Size());
  if (size < position + blocks * sizeof(SeriesId) + sizeof(uint64_t)) {
    return At(run->path_, size, Malformed("a file that is cut off"));
  }
  run->firsts_.resize(blocks);
  const auto firsts = std::as_writable_bytes(std::span(run->firsts_));
  ARROW_RETURN_NOT_OK(run->file_->Read(position, firsts));
  std::byte checksum[sizeof(uint64_t)];
  ARROW_RETURN_NOT_OK(run->file_->Read(position + firsts.size(), checksum));
  if (Hash64(firsts, number) != LoadLe<uint64_t>(checksum)) {
    return At(run->path_, position, Mismatch());
  }
  return run;
}

Result<size_t> DirectoryRun::ReadBlock(uint64_t block, BlockRoom* room) const {
  FIRTH_CHECK(block < blocks());
  const uint64_t position = kFileHeaderBytes + block * kBlockBytes;
  ARROW_RETURN_NOT_OK(file_->Read(position, *room));
  ByteReader in(*room);
  const auto checksum = in.Le<uint64_t>();
  if (checksum != Hash64(in.rest(), SeedOf(number_, block))) {
    return At(path_, position, Mismatch());
  }
  const auto entries = in.Le<uint32_t>();
  if (entries > kBlockEntries) return At(path_, position, Malformed("a block of series"));
  return entries;
}

DirectoryEntry DirectoryRun::EntryOf(const BlockRoom& room, size_t index) {
  ByteReader in(Bytes(room).subspan(kBlockHeadBytes + index * kEntryBytes, kEntryBytes));
  DirectoryEntry entry;
  entry.series = SeriesId::From(AsText(in.Take(16)));
  entry.head = DecodeAddress(&in);
  return entry;
}

Result<std::optional<DirectoryEntry>> DirectoryRun::Find(const SeriesId& series) const {
  const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), series);
  if (after == firsts_.begin()) return std::nullopt;
  BlockRoom room;
  ARROW_ASSIGN_OR_RAISE(const size_t entries,
                        ReadBlock(static_cast<uint64_t>(after - firsts_.begin()) - 1, &room));
  const auto indices = std::views::iota(size_t{0}, entries);
  const auto found = std::ranges::lower_bound(
      indices, series, {}, [&](size_t index) { return EntryOf(room, index).series; });
  if (found == indices.end()) return std::nullopt;
  const DirectoryEntry entry = EntryOf(room, *found);
  if (entry.series != series) return std::nullopt;
  return entry;
}

Result<DirectoryRun::Writer> DirectoryRun::Writer::Create(store::FileSystem* files,
                                                          std::string path, uint32_t number) {
  Writer writer;
  writer.files_ = files;
  writer.path_ = std::move(path);
  writer.number_ = number;
  ARROW_ASSIGN_OR_RAISE(writer.file_, files->Create(writer.path_));
  writer.buffer_ = EncodeFileHeader(FileKind::kDirectory, number);
  return writer;
}

Status DirectoryRun::Writer::Add(const DirectoryEntry& entry) {
  FIRTH_CHECK(block_.empty() || block_.back().series < entry.series);
  block_.push_back(entry);
  ++entries_;
  return block_.size() < kBlockEntries ? Status::OK() : WriteBlock();
}

Status DirectoryRun::Writer::WriteBlock() {
  std::string block(sizeof(uint64_t), '\0');
  AppendLe(&block, static_cast<uint32_t>(block_.size()));
  AppendLe(&block, uint32_t{0});
  for (const DirectoryEntry& entry : block_) {
    block += entry.series.view();
    EncodeAddress(entry.head, &block);
    AppendLe(&block, uint32_t{0});
  }
  block.resize(kBlockBytes);
  StoreLe(block.data(),
          Hash64(AsBytes(block).subspan(sizeof(uint64_t)), SeedOf(number_, firsts_.size())));
  firsts_.push_back(block_.front().series);
  block_.clear();
  buffer_ += block;
  if (buffer_.size() < kWriteBytes) return Status::OK();
  ARROW_RETURN_NOT_OK(file_->Write(position_, {AsBytes(buffer_)}));
  position_ += buffer_.size();
  buffer_.clear();
  return Status::OK();
}

Result<DirectoryRunPtr> DirectoryRun::Writer::Finish() {
  if (!block_.empty()) ARROW_RETURN_NOT_OK(WriteBlock());
  const auto firsts = std::as_bytes(std::span(firsts_));
  buffer_.append(AsText(firsts));
  AppendLe(&buffer_, Hash64(firsts, number_));
  ARROW_RETURN_NOT_OK(file_->Write(position_, {AsBytes(buffer_)}));
  ARROW_RETURN_NOT_OK(file_->Sync());
  return Open(files_, path_, number_, entries_);
}

Result<std::optional<NodeAddress>> Directory::Find(const SeriesId& series) const {
  std::vector<DirectoryRunPtr> runs;
  {
    std::lock_guard lock(mutex_);
    const auto found = unpublished_.find(series);
    if (found != unpublished_.end()) {
      if (!found->second.known()) return std::nullopt;
      return found->second;
    }
    runs = runs_;
  }
  for (const DirectoryRunPtr& run : runs) {
    ARROW_ASSIGN_OR_RAISE(const auto entry, run->Find(series));
    if (!entry) continue;
    if (!entry->head.known()) return std::nullopt;
    return entry->head;
  }
  return std::nullopt;
}

void Directory::Put(const SeriesId& series, const NodeAddress& head) {
  std::lock_guard lock(mutex_);
  unpublished_[series] = head;
}

size_t Directory::unpublished() const {
  std::lock_guard lock(mutex_);
  return unpublished_.size();
}

std::vector<DirectoryRunPtr> Directory::runs() const {
  std::lock_guard lock(mutex_);
  return runs_;
}

Result<Directory::Next> Directory::Prepare(uint32_t* next_number) {
  Next next;
  std::vector<DirectoryEntry> entries;
  {
    std::lock_guard lock(mutex_);
    next.runs = runs_;
    entries.reserve(unpublished_.size());
    for (const auto& [series, head] : unpublished_) entries.push_back({series, head});
  }
  next.taken = entries.size();
  if (entries.empty()) return next;
  const Status written = WriteRuns(std::move(entries), next_number, &next);
  if (written.ok()) return next;
  Discard(next);
  return written;
}

std::string Directory::PathOf(uint32_t number) const {
  return folder_ + "/" + FileName(FileKind::kDirectory, number);
}

Status Directory::WriteRuns(std::vector<DirectoryEntry> entries, uint32_t* next_number,
                            Next* next) {
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.series < b.series; });
  const uint32_t number = (*next_number)++;
  next->made.push_back(PathOf(number));
  ARROW_ASSIGN_OR_RAISE(auto writer, DirectoryRun::Writer::Create(files_, PathOf(number), number));
  for (const DirectoryEntry& entry : entries) ARROW_RETURN_NOT_OK(writer.Add(entry));
  ARROW_ASSIGN_OR_RAISE(auto run, writer.Finish());
  std::vector<DirectoryRunPtr>& runs = next->runs;
  runs.insert(runs.begin(), run);
  // Two neighbours become one when the older is not much the larger, so there are few of them, and
  // an entry is copied as many times as their number has bits.
  while (runs.size() > 1 && runs[0]->entries() * 2 >= runs[1]->entries()) {
    auto joint = Join(*runs[0], *runs[1], runs.size() == 2, (*next_number)++, next);
    if (!joint.ok() && CodeOf(joint.status()) == Code::kDataLoss) {
      // The damaged run stays by itself: what is not in it goes on being found.
      logging::Error("timeview", "two parts of the directory stay apart: {}",
                     joint.status().ToString());
      break;
    }
    ARROW_RETURN_NOT_OK(joint.status());
    next->gone.push_back(runs[0]);
    next->gone.push_back(runs[1]);
    runs.erase(runs.begin());
    runs.front() = *std::move(joint);
  }
  return Status::OK();
}

void Directory::Discard(const Next& next) {
  for (const std::string& path : next.made) {
    const Status removed = files_->Remove(path);
    if (!removed.ok()) {
      logging::Warning("timeview", "{} cannot be removed: {}", path, removed.ToString());
    }
  }
}

Result<DirectoryRunPtr> Directory::Join(const DirectoryRun& newer, const DirectoryRun& older,
                                        bool drop_gone, uint32_t number, Next* next) const {
  next->made.push_back(PathOf(number));
  ARROW_ASSIGN_OR_RAISE(auto writer, DirectoryRun::Writer::Create(files_, PathOf(number), number));
  RunReader from_newer(newer);
  RunReader from_older(older);
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const DirectoryEntry* a, from_newer.Peek());
    ARROW_ASSIGN_OR_RAISE(const DirectoryEntry* b, from_older.Peek());
    if (a == nullptr && b == nullptr) return writer.Finish();
    const bool takes_newer = b == nullptr || (a != nullptr && a->series <= b->series);
    const DirectoryEntry* entry = takes_newer ? a : b;
    if (!drop_gone || entry->head.known()) ARROW_RETURN_NOT_OK(writer.Add(*entry));
    if (takes_newer) {
      if (b != nullptr && b->series == a->series) from_older.Step();
      from_newer.Step();
    } else {
      from_older.Step();
    }
  }
}

void Directory::Publish(Next next) {
  std::lock_guard lock(mutex_);
  FIRTH_CHECK(unpublished_.size() == next.taken);
  unpublished_.clear();
  // The next base changes about as many.
  unpublished_.reserve(std::min(next.taken, kReservedMost));
  runs_ = std::move(next.runs);
}

}  // namespace firth::timeview
