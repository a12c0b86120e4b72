#include "firth/timeview/node_files.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "firth/common/checksum.h"
#include "firth/store/ask_ahead.h"

namespace firth::timeview {
namespace {

/// Records are gathered to writes of about this size.
constexpr size_t kWriteBytes = size_t{1} << 20;
/// Each checkpoint's records begin at a multiple of this, so that no page is written twice: a torn
/// write cannot reach what an earlier base holds.
constexpr uint64_t kPageBytes = kRecordPageBytes;
/// Records that are not further apart than this are asked for in one go.
constexpr uint64_t kTogetherBytes = 4096;

// The index of a packed file, behind its records:
// | blocks of 4096 bytes | for each, u32 file, u32 offset of its first entry | u64 blocks
// | u64 where the blocks begin | u64 XXH3-64 of what stands behind the blocks, seeded with the
// number A block: | u64 XXH3-64 of the rest, seeded with number << 32 | index | u32 entries | u32
// zero
//          | entries: u32 file, u32 offset, u32 position | zeros
constexpr size_t kIndexBlockBytes = 4096;
constexpr size_t kIndexEntryBytes = 3 * sizeof(uint32_t);
constexpr size_t kIndexBlockEntries = (kIndexBlockBytes - 16) / kIndexEntryBytes;
constexpr size_t kIndexTailBytes = 3 * sizeof(uint64_t);

uint64_t BlockSeed(uint32_t number, uint64_t block) {
  return uint64_t{number} << 32 | block;
}

}  // namespace

std::string EncodePackedIndex(uint32_t number, uint64_t position,
                              const std::vector<PackedPlace>& places) {
  std::string out;
  std::string behind;
  uint64_t blocks = 0;
  for (size_t at = 0; at < places.size(); at += kIndexBlockEntries) {
    const size_t entries = std::min(kIndexBlockEntries, places.size() - at);
    std::string block(sizeof(uint64_t), '\0');
    AppendLe(&block, static_cast<uint32_t>(entries));
    AppendLe(&block, uint32_t{0});
    for (size_t i = at; i < at + entries; ++i) {
      FIRTH_CHECK(i == 0 || places[i - 1] < places[i]);
      AppendLe(&block, places[i].file);
      AppendLe(&block, places[i].offset);
      AppendLe(&block, places[i].position);
    }
    block.resize(kIndexBlockBytes);
    StoreLe(block.data(),
            Hash64(AsBytes(block).subspan(sizeof(uint64_t)), BlockSeed(number, blocks)));
    AppendLe(&behind, places[at].file);
    AppendLe(&behind, places[at].offset);
    out += block;
    ++blocks;
  }
  AppendLe(&behind, blocks);
  AppendLe(&behind, position);
  AppendLe(&behind, Hash64(AsBytes(behind), number));
  return out + behind;
}

std::string FileName(FileKind kind, uint32_t number) {
  const char* prefix = "";
  switch (kind) {
    case FileKind::kNodes:
      prefix = "nodes";
      break;
    case FileKind::kPacked:
      prefix = "packed";
      break;
    case FileKind::kDirectory:
      prefix = "series";
      break;
  }
  char name[32];
  std::snprintf(name, sizeof name, "%s-%08x", prefix, number);
  return name;
}

void NodeFile::Adopt(std::shared_ptr<store::File> file) {
  std::lock_guard lock(mutex_);
  file_ = std::move(file);
}

Result<std::shared_ptr<store::File>> NodeFile::Open() const {
  {
    std::lock_guard lock(mutex_);
    if (file_) return file_;
  }
  // Two readers may both open it; one of the two is kept.
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<store::File> file, files_->Open(path_));
  std::byte header[kFileHeaderBytes];
  ARROW_RETURN_NOT_OK(file->Read(0, header));
  const Status checked = CheckFileHeader(header, kind_, number_);
  if (!checked.ok()) {
    return Error(CodeOf(checked), ReasonOf(checked), path_ + ": " + MessageOf(checked));
  }
  std::lock_guard lock(mutex_);
  if (!file_) file_ = std::move(file);
  return file_;
}

Status NodeFile::Read(const NodeAddress& address, RecordRoom* room) const {
  uint64_t position = address.offset;
  if (kind_ == FileKind::kPacked) {
    ARROW_ASSIGN_OR_RAISE(position, Place(address));
  }
  ARROW_ASSIGN_OR_RAISE(const auto file, Open());
  if (address.bytes < kRecordHeaderBytes || address.bytes > kRecordBytesMax) {
    return Malformed("the address of a record");
  }
  return file->Read(position * kRecordAlignment, room->Make(address.bytes));
}

bool NodeFile::ReadAtOnce(const NodeAddress& address, RecordRoom* room) const {
  if (kind_ == FileKind::kPacked || address.bytes > kRecordBytesMax) return false;
  const auto file = Open();
  return file.ok() && store::ReadAtOnce(**file, uint64_t{address.offset} * kRecordAlignment,
                                        room->Make(address.bytes));
}

void NodeFile::AskAhead(std::span<const NodeAddress> addresses) const {
  if (kind_ == FileKind::kPacked) return;
  const auto file = Open();
  if (!file.ok()) return;
  uint64_t begin = 0;
  uint64_t end = 0;
  for (const NodeAddress& address : addresses) {
    const uint64_t position = uint64_t{address.offset} * kRecordAlignment;
    if (position < begin || position > end + kTogetherBytes) {
      if (begin < end) store::AskAhead(**file, begin, end - begin);
      begin = position;
    }
    end = position + address.bytes;
  }
  if (begin < end) store::AskAhead(**file, begin, end - begin);
}

Result<uint32_t> NodeFile::Place(const NodeAddress& address) const {
  ARROW_ASSIGN_OR_RAISE(const auto index, Index());
  const PackedPlace wanted{.file = address.file, .offset = address.offset};
  const auto after = std::upper_bound(index->firsts.begin(), index->firsts.end(), wanted);
  if (after != index->firsts.begin()) {
    ARROW_ASSIGN_OR_RAISE(
        const auto places,
        ReadIndexBlock(*index, static_cast<uint64_t>(after - index->firsts.begin()) - 1));
    const auto found = std::lower_bound(places.begin(), places.end(), wanted);
    if (found != places.end() && !(wanted < *found)) return found->position;
  }
  return Malformed("a record that is not in the index of a packed file");
}

Result<std::vector<PackedPlace>> NodeFile::Places() const {
  ARROW_ASSIGN_OR_RAISE(const auto index, Index());
  std::vector<PackedPlace> places;
  for (uint64_t block = 0; block < index->firsts.size(); ++block) {
    ARROW_ASSIGN_OR_RAISE(const auto some, ReadIndexBlock(*index, block));
    places.insert(places.end(), some.begin(), some.end());
  }
  return places;
}

Result<uint64_t> NodeFile::RecordsEnd(uint64_t bytes) const {
  if (kind_ == FileKind::kNodes) return bytes;
  ARROW_ASSIGN_OR_RAISE(const auto index, Index());
  return index->position;
}

Result<std::vector<PackedPlace>> NodeFile::ReadIndexBlock(const PackedIndex& index,
                                                          uint64_t block) const {
  ARROW_ASSIGN_OR_RAISE(const auto file, Open());
  std::byte bytes[kIndexBlockBytes];
  ARROW_RETURN_NOT_OK(file->Read(index.position + block * kIndexBlockBytes, bytes));
  ByteReader in(bytes);
  const auto checksum = in.Le<uint64_t>();
  const bool sound = checksum == Hash64(in.rest(), BlockSeed(number_, block));
  const auto entries = in.Le<uint32_t>();
  in.Le<uint32_t>();
  if (!sound || entries > kIndexBlockEntries) {
    return Malformed("a block of the index of a packed file");
  }
  std::vector<PackedPlace> places(entries);
  for (PackedPlace& place : places) {
    place.file = in.Le<uint32_t>();
    place.offset = in.Le<uint32_t>();
    place.position = in.Le<uint32_t>();
  }
  return places;
}

Result<std::shared_ptr<const NodeFile::PackedIndex>> NodeFile::Index() const {
  FIRTH_CHECK(kind_ == FileKind::kPacked);
  {
    std::lock_guard lock(mutex_);
    if (index_) return index_;
  }
  ARROW_ASSIGN_OR_RAISE(const auto file, Open());
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, file->Size());
  const auto damaged = [] { return Malformed("the end of the index of a packed file"); };
  if (size < kFileHeaderBytes + kIndexTailBytes) return damaged();
  std::byte tail[kIndexTailBytes];
  ARROW_RETURN_NOT_OK(file->Read(size - kIndexTailBytes, tail));
  const auto blocks = LoadLe<uint64_t>(tail);
  auto index = std::make_shared<PackedIndex>();
  index->position = LoadLe<uint64_t>(tail + 8);
  constexpr uint64_t kFirstBytes = 2 * sizeof(uint32_t);
  if (blocks > size / kIndexBlockBytes ||
      index->position + blocks * (kIndexBlockBytes + kFirstBytes) + kIndexTailBytes != size) {
    return damaged();
  }
  std::vector<std::byte> behind(blocks * kFirstBytes + kIndexTailBytes);
  ARROW_RETURN_NOT_OK(file->Read(size - behind.size(), behind));
  const Bytes checked = Bytes(behind).first(behind.size() - sizeof(uint64_t));
  if (Hash64(checked, number_) != LoadLe<uint64_t>(tail + 16)) return damaged();
  for (uint64_t i = 0; i < blocks; ++i) {
    const std::byte* at = behind.data() + i * kFirstBytes;
    index->firsts.push_back({.file = LoadLe<uint32_t>(at), .offset = LoadLe<uint32_t>(at + 4)});
  }
  std::lock_guard lock(mutex_);
  if (!index_) index_ = std::move(index);
  return index_;
}

Result<NodePtr> FileNodeSource::Get(const NodeLink& link) const {
  if (link.node && !link.node->is_coded()) return link.node;
  if (link.node) return Unpack(*link.node);
  NodePtr node = cache_->Find(link.address);
  if (!node) {
    ARROW_ASSIGN_OR_RAISE(node, Read(link));
  } else if (!node->is_coded()) {
    return node;
  }
  if (node->is_coded()) {
    auto unpacked = Unpack(*node, cache_->memory());
    if (!unpacked.ok()) return AddPlace(unpacked.status(), link.address);
    node = *std::move(unpacked);
  }
  cache_->Insert(link.address, node);
  return node;
}

Status FileNodeSource::GetMany(std::span<const NodeLink* const> links,
                               std::span<NodePtr> out) const {
  for (size_t i = 0; i < links.size(); ++i) {
    if (links[i]->node) out[i] = links[i]->node;
  }
  cache_->FindMany(links, out);
  // What the system has in memory costs one call each; the rest is asked for before it is waited
  // for.
  std::vector<size_t> absent;
  for (size_t i = 0; i < links.size(); ++i) {
    if (out[i]) continue;
    out[i] = ReadAtOnce(*links[i]);
    if (out[i]) {
      cache_->Insert(links[i]->address, out[i]);
    } else {
      absent.push_back(i);
    }
  }
  AskAhead(links, absent);
  for (const size_t i : absent) {
    ARROW_ASSIGN_OR_RAISE(out[i], Read(*links[i]));
    cache_->Insert(links[i]->address, out[i]);
  }
  return Status::OK();
}

void FileNodeSource::AskAhead(std::span<const NodeLink* const> links,
                              std::span<const size_t> places) const {
  std::vector<NodeAddress> run;
  const auto finish = [&] {
    if (run.size() > 1) {
      const auto found = table_.find(run.front().file);
      if (found != table_.end()) found->second->AskAhead(run);
    }
    run.clear();
  };
  for (const size_t place : places) {
    if (!run.empty() && run.back().file != links[place]->address.file) finish();
    run.push_back(links[place]->address);
  }
  finish();
}

namespace {

/// Room for a record that is turned into a node: nodes are read one after another.
RecordRoom* RoomOfThread() {
  thread_local RecordRoom room;
  return &room;
}

}  // namespace

Result<NodePtr> FileNodeSource::Read(const NodeLink& link) const {
  RecordRoom* const room = RoomOfThread();
  ARROW_ASSIGN_OR_RAISE(const Record record, ReadRecord(link.address, room));
  auto node = Decode(link, record);
  room->Trim();
  return node;
}

NodePtr FileNodeSource::ReadAtOnce(const NodeLink& link) const {
  RecordRoom* const room = RoomOfThread();
  const auto file = FileOf(link.address);
  if (!file.ok() || !(*file)->ReadAtOnce(link.address, room)) return nullptr;
  const auto record = CheckRecord(link.address, *room);
  if (!record.ok()) return nullptr;
  const auto node = Decode(link, *record);
  room->Trim();
  return node.ok() ? *node : nullptr;
}

Result<NodePtr> FileNodeSource::Decode(const NodeLink& link, const Record& record) const {
  if (!IsOfLink(record.header.kind, link.kind)) {
    return AddPlace(Malformed("a record of another kind"), link.address);
  }
  auto node = DecodeNode(record.header, record.payload, cache_->memory());
  if (!node.ok()) return AddPlace(node.status(), link.address);
  return node;
}

Result<FileNodeSource::Loaded> FileNodeSource::Load(const NodeAddress& address,
                                                    RecordKind kind) const {
  Loaded loaded;
  ARROW_ASSIGN_OR_RAISE(const Record record, ReadRecord(address, &loaded.room));
  if (record.header.kind != kind) return AddPlace(Malformed("a record of another kind"), address);
  loaded.header = record.header;
  loaded.payload = record.payload;
  return loaded;
}

Result<FileNodeSource::Loaded> FileNodeSource::LoadHead(const NodeAddress& address) const {
  Loaded loaded;
  ARROW_ASSIGN_OR_RAISE(const Record record, ReadRecord(address, &loaded.room));
  if (record.header.kind != RecordKind::kSeries && record.header.kind != RecordKind::kHeadPart) {
    return AddPlace(Malformed("a record of another kind"), address);
  }
  loaded.header = record.header;
  loaded.payload = record.payload;
  return loaded;
}

Result<const NodeFile*> FileNodeSource::FileOf(const NodeAddress& address) const {
  const auto found = table_.find(address.file);
  if (found != table_.end()) return found->second.get();
  return AddPlace(Error(Code::kDataLoss, Reason::kFileMissing, "no base names this file"), address);
}

Result<Record> FileNodeSource::ReadRecord(const NodeAddress& address, RecordRoom* room) const {
  ARROW_ASSIGN_OR_RAISE(const NodeFile* file, FileOf(address));
  ARROW_RETURN_NOT_OK(AddPlace(file->Read(address, room), address));
  return CheckRecord(address, *room);
}

Result<Record> FileNodeSource::CheckRecord(const NodeAddress& address,
                                           const RecordRoom& room) const {
  auto record = ParseRecord(room.bytes(), address);
  if (!record.ok()) return AddPlace(record.status(), address);
  return record;
}

Status FileNodeSource::AddPlace(const Status& status, const NodeAddress& address) const {
  if (status.ok()) return status;
  const auto found = table_.find(address.file);
  std::string place =
      found == table_.end() ? FileName(FileKind::kNodes, address.file) : found->second->path();
  place += " at " + std::to_string(uint64_t{address.offset} * kRecordAlignment);
  if (found != table_.end() && found->second->kind() == FileKind::kPacked) {
    place += " of " + FileName(FileKind::kNodes, address.file);
  }
  return Error(CodeOf(status), ReasonOf(status), place + ": " + MessageOf(status));
}

Result<NodeAddress> NodeWriter::Append(const RecordHeader& header, Bytes payload) {
  FIRTH_CHECK(payload.size() <= kRecordBytesMax - kRecordHeaderBytes - kRecordAlignment);
  RecordHeader whole = header;
  whole.bytes = static_cast<uint32_t>(payload.size());
  const uint32_t bytes = RecordBytes(payload.size());
  if (!file_ || this->bytes() + bytes > std::max(file_bytes_max_, kFileHeaderBytes + bytes)) {
    ARROW_RETURN_NOT_OK(BeginFile());
  }
  const NodeAddress address{.file = file_->number(),
                            .offset = static_cast<uint32_t>(this->bytes() / kRecordAlignment),
                            .bytes = bytes};
  AppendRecord(whole, payload, address, &buffer_);
  taken_bytes_ += bytes;
  if (buffer_.size() >= kWriteBytes) ARROW_RETURN_NOT_OK(Flush());
  return address;
}

Status NodeWriter::BeginFile() {
  ARROW_RETURN_NOT_OK(Flush());
  const uint32_t number = (*next_number_)++;
  const std::string path = folder_ + "/" + FileName(FileKind::kNodes, number);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<store::File> file, files_->Create(path));
  const std::string header = EncodeFileHeader(FileKind::kNodes, number);
  ARROW_RETURN_NOT_OK(file->Write(0, {AsBytes(header)}));
  if (file_) closed_[file_->number()] = written_;
  file_ = std::make_shared<NodeFile>(files_, path, FileKind::kNodes, number);
  file_->Adopt(file);
  open_ = file;
  unsynced_.push_back(std::move(file));
  new_files_.push_back(file_);
  written_ = kFileHeaderBytes;
  return Status::OK();
}

Status NodeWriter::Flush() {
  if (buffer_.empty()) return Status::OK();
  const auto write = [this]() -> Status {
    if (!open_) {
      ARROW_ASSIGN_OR_RAISE(open_, file_->Open());
    }
    if (unsynced_.empty() || unsynced_.back() != open_) unsynced_.push_back(open_);
    ARROW_RETURN_NOT_OK(open_->Write(written_, {AsBytes(buffer_)}));
    written_ += buffer_.size();
    return Status::OK();
  };
  const Status written = write();
  // What met an error is written again, elsewhere: whoever waits for it keeps it until then. The
  // room is used again.
  buffer_.clear();
  return written;
}

Status NodeWriter::Sync() {
  // Zeros up to the end of the page: whoever reads the file through knows to go on at the next.
  if (file_) buffer_.resize(buffer_.size() + (kPageBytes - bytes() % kPageBytes) % kPageBytes);
  ARROW_RETURN_NOT_OK(Flush());
  for (const auto& file : unsynced_) ARROW_RETURN_NOT_OK(file->Sync());
  unsynced_.clear();
  return Status::OK();
}

std::vector<NodeFilePtr> NodeWriter::TakeNewFiles() {
  return std::exchange(new_files_, {});
}

}  // namespace firth::timeview
