#include "firth/timeview/record.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "firth/common/checksum.h"

namespace firth::timeview {
namespace {

constexpr uint64_t kFileMagic = 0x57454956454d4954;  // "TIMEVIEW"

void AppendDouble(std::string* out, double value) {
  AppendLe(out, std::bit_cast<uint64_t>(value));
}
void EncodeStatistics(const Statistics& statistics, std::string* out) {
  AppendLe(out, statistics.count);
  AppendDouble(out, statistics.min);
  AppendDouble(out, statistics.mean);
  AppendDouble(out, statistics.max);
  AppendDouble(out, statistics.stddev);
}
/// Ties a record to its place: the same bytes elsewhere are not the record.
uint64_t SeedOf(const NodeAddress& address) {
  return uint64_t{address.file} << 32 | address.offset;
}

}  // namespace

//  0 u64 magic | 8 u32 version | 12 u32 kind | 16 u32 number | 20 u8[36] zero
// 56 u64 XXH3-64 of bytes 0..55
std::string EncodeFileHeader(FileKind kind, uint32_t number, uint32_t version) {
  std::string out;
  AppendLe(&out, kFileMagic);
  AppendLe(&out, version);
  AppendLe(&out, static_cast<uint32_t>(kind));
  AppendLe(&out, number);
  out.resize(kFileHeaderBytes - sizeof(uint64_t));
  AppendLe(&out, Hash64(AsBytes(out)));
  return out;
}

Status CheckFileHeader(Bytes header, FileKind kind, uint32_t number) {
  ByteReader in(header);
  const auto magic = in.Le<uint64_t>();
  const auto version = in.Le<uint32_t>();
  constexpr size_t kChecked = kFileHeaderBytes - sizeof(uint64_t);
  if (header.size() != kFileHeaderBytes || magic != kFileMagic ||
      Hash64(header.first(kChecked)) != LoadLe<uint64_t>(header.data() + kChecked)) {
    return Malformed("the header of a file");
  }
  if (version > kFormatVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "has format version " + std::to_string(version) + ", this program reads up to " +
                     std::to_string(kFormatVersion));
  }
  const bool same = version > 0 && AsText(header) == EncodeFileHeader(kind, number, version);
  return same ? Status::OK() : Malformed("the header of a file");
}

//  0 u64 XXH3-64 of the rest, padding included, its seed file << 32 | offset
//  8 u32 bytes of the payload | 12 u8 kind | 13 u8 width | 14 u16 zero | 16 u8[16] series
// 32 i64 start | 40 i64 revision | 48 payload | zeros up to a multiple of 8
void AppendRecord(const RecordHeader& header, Bytes payload, const NodeAddress& address,
                  std::string* out) {
  const size_t begin = out->size();
  out->resize(begin + sizeof(uint64_t));
  AppendLe(out, static_cast<uint32_t>(payload.size()));
  out->push_back(static_cast<char>(header.kind));
  out->push_back(static_cast<char>(header.width));
  AppendLe(out, uint16_t{0});
  out->append(header.series.view());
  AppendLe(out, header.start);
  AppendLe(out, header.revision);
  out->append(AsText(payload));
  out->resize(begin + RecordBytes(payload.size()));
  const Bytes record = AsBytes(*out).subspan(begin);
  StoreLe(out->data() + begin, Hash64(record.subspan(sizeof(uint64_t)), SeedOf(address)));
}

Result<RecordHeader> ParseRecordHeader(Bytes bytes) {
  ByteReader in(bytes);
  in.Le<uint64_t>();
  RecordHeader header;
  header.bytes = in.Le<uint32_t>();
  header.kind = static_cast<RecordKind>(in.Le<uint8_t>());
  header.width = in.Le<uint8_t>();
  in.Le<uint16_t>();
  const Bytes series = in.Take(16);
  header.start = in.Le<int64_t>();
  header.revision = in.Le<int64_t>();
  if (!in.ok() || header.bytes > kRecordBytesMax || header.kind < RecordKind::kLeaf ||
      header.kind > RecordKind::kHeadPart || header.width > kRootWidth) {
    return Malformed("the header of a record");
  }
  header.series = SeriesId::From(AsText(series));
  return header;
}

Result<Record> ParseRecord(Bytes bytes, const NodeAddress& address) {
  ARROW_ASSIGN_OR_RAISE(const RecordHeader header, ParseRecordHeader(bytes));
  if (RecordBytes(header.bytes) != bytes.size() ||
      LoadLe<uint64_t>(bytes.data()) != Hash64(bytes.subspan(sizeof(uint64_t)), SeedOf(address))) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the checksum of a record does not match");
  }
  return Record{header, bytes.subspan(kRecordHeaderBytes, header.bytes)};
}

void EncodeAddress(const NodeAddress& address, std::string* out) {
  AppendLe(out, address.file);
  AppendLe(out, address.offset);
  AppendLe(out, address.bytes);
}
NodeAddress DecodeAddress(ByteReader* in) {
  NodeAddress address;
  address.file = in->Le<uint32_t>();
  address.offset = in->Le<uint32_t>();
  address.bytes = in->Le<uint32_t>();
  return address;
}

// | u8 kind | u8 slot begin | u8 slot end | u8 zero | address, 12 bytes | u64 count | f64 min | f64
// mean | f64 max | f64 deviation
void PayloadEncoder::EncodeLink(const NodeLink& link, std::string* out) const {
  FIRTH_CHECK(link.empty() || link.address.known());
  out->push_back(static_cast<char>(link.kind));
  out->push_back(static_cast<char>(link.slot_begin));
  out->push_back(static_cast<char>(link.slot_end));
  out->push_back(0);
  EncodeAddress(link.address, out);
  EncodeStatistics(link.statistics, out);
}
namespace {

constexpr size_t kLinkBytes = 4 + 12 + 5 * sizeof(uint64_t);

void LoadLink(const std::byte* from, NodeLink* link) {
  link->kind = static_cast<NodeKind>(from[0]);
  link->slot_begin = static_cast<uint8_t>(from[1]);
  link->slot_end = static_cast<uint8_t>(from[2]);
  link->address = {.file = LoadLe<uint32_t>(from + 4),
                   .offset = LoadLe<uint32_t>(from + 8),
                   .bytes = LoadLe<uint32_t>(from + 12)};
  const auto number = [from](size_t i) {
    return std::bit_cast<double>(LoadLe<uint64_t>(from + 16 + 8 * i));
  };
  link->statistics = {.count = LoadLe<uint64_t>(from + 16),
                      .min = number(1),
                      .mean = number(2),
                      .max = number(3),
                      .stddev = number(4)};
}

}  // namespace

NodeLink DecodeLink(ByteReader* in) {
  NodeLink link;
  const Bytes bytes = in->Take(kLinkBytes);
  if (in->ok()) LoadLink(bytes.data(), &link);
  return link;
}

// Leaf: | varint points | column of times | column of values; leaf of blocks: block_leaf.h
// Inner node, pile: | u8 links | links
PayloadEncoder::EncodedNode PayloadEncoder::EncodeNode(const Node& node) {
  EncodedNode out{.kind = static_cast<RecordKind>(node.kind), .payload = {}};
  if (node.is_coded()) {
    out.kind = RecordKind::kBlockLeaf;
    out.payload = AsText(node.coded);
  } else if (!node.leaf()) {
    out.payload.push_back(static_cast<char>(node.links.size()));
    for (const NodeLink& link : node.links) EncodeLink(link, &out.payload);
  } else if (leaves_.Encode({node.times, node.values}, node.blocks, &values_, &out.payload)) {
    out.kind = RecordKind::kBlockLeaf;
  } else {
    AppendVarint(&out.payload, node.times.size());
    integers_.Encode(node.times, CodedFor::kKeeping, &out.payload);
    values_.Encode(node.values, CodedFor::kKeeping, &integers_, &out.payload);
  }
  return out;
}

namespace {

Result<NodePtr> DecodeLeaf(const RecordHeader& header, ByteReader* in, NodeMemory* memory) {
  const uint64_t points = in->Varint();
  if (!in->ok() || points == 0 || points > kLeafPointsRead) return Malformed("the size of a leaf");
  NewLeaf leaf(points, memory);
  leaf.node->width = header.width;
  leaf.node->start = header.start;
  leaf.node->revision = header.revision;
  ARROW_RETURN_NOT_OK(DecodeIntegers(in, leaf.times));
  ARROW_RETURN_NOT_OK(DecodeValues(in, leaf.values));
  if (!std::is_sorted(leaf.times.begin(), leaf.times.end())) {
    return Malformed("the order of a leaf");
  }
  leaf.Finish();
  return leaf.node;
}

Result<NodePtr> TakeBlockLeaf(const RecordHeader& header, Bytes payload, NodeMemory* memory) {
  ARROW_RETURN_NOT_OK(BlockLeaf::Check(payload));
  return NewCodedLeaf(header.width, header.start, header.revision, payload, memory);
}

Result<NodePtr> DecodeInner(const RecordHeader& header, ByteReader* in, NodeMemory* memory) {
  const size_t count = in->Le<uint8_t>();
  if (count == 0 || count > kFanOut || (header.kind == RecordKind::kPile) != (header.width == 0)) {
    return Malformed("the size of a node");
  }
  const Bytes bytes = in->Take(count * kLinkBytes);
  if (!in->ok()) return Malformed("a node that is cut off");
  NewInnerNode made(static_cast<NodeKind>(header.kind), header.width, header.start, header.revision,
                    count, memory);
  uint8_t slot = 0;
  for (size_t i = 0; i < count; ++i) {
    NodeLink& link = made.links[i];
    LoadLink(bytes.data() + i * kLinkBytes, &link);
    if (link.kind < NodeKind::kLeaf || link.kind > NodeKind::kPile || link.slot_begin < slot ||
        link.slot_end <= link.slot_begin || link.slot_end > kFanOut || link.empty() ||
        !link.address.known()) {
      return Malformed("a link of a node");
    }
    slot = link.slot_end;
  }
  made.Finish();
  return made.node;
}

}  // namespace

Result<NodePtr> DecodeNode(const RecordHeader& header, Bytes payload, NodeMemory* memory) {
  if (header.kind == RecordKind::kBlockLeaf) return TakeBlockLeaf(header, payload, memory);
  ByteReader in(payload);
  const auto decode = header.kind == RecordKind::kLeaf ? DecodeLeaf : DecodeInner;
  ARROW_ASSIGN_OR_RAISE(NodePtr node, decode(header, &in, memory));
  if (!in.ok() || in.remaining() != 0) return Malformed("the length of a node");
  return node;
}

// | varint steps | varint points | for each step: u8 kind and flags, varint points; of a remove,
// i64 start, i64 end | column of times | column of values
std::string PayloadEncoder::EncodeEdits(const EditRun& run, CodedFor use, size_t first) {
  const PointSpan points =
      PointSpan{run.times, run.values}.Sub(run.PointsBegin(first), run.times.size());
  std::string out;
  AppendVarint(&out, run.steps.size() - first);
  AppendVarint(&out, points.size());
  for (size_t i = first; i < run.steps.size(); ++i) {
    const EditRun::Step& step = run.steps[i];
    const bool remove = step.kind == Edit::Kind::kRemove;
    out.push_back(static_cast<char>((remove ? 1 : 0) | (step.replace ? 2 : 0)));
    AppendVarint(&out, step.points_end - run.PointsBegin(i));
    if (remove) {
      AppendLe(&out, step.start);
      AppendLe(&out, step.end);
    }
  }
  integers_.Encode(points.times, use, &out);
  values_.Encode(points.values, use, &integers_, &out);
  return out;
}

std::string PayloadEncoder::EncodeLate(std::span<const int64_t> times) {
  FIRTH_CHECK(!times.empty());
  std::string out;
  AppendVarint(&out, 1);
  AppendVarint(&out, times.size());
  out.push_back(0);
  AppendVarint(&out, times.size());
  integers_.Encode(times, CodedFor::kKeeping, &out);
  // Equal values are coded as one of them is.
  constexpr double kValue = 0;
  values_.Encode({&kValue, 1}, CodedFor::kKeeping, &integers_, &out);
  return out;
}

Result<EditRun> DecodeEdits(Bytes payload) {
  ByteReader in(payload);
  const uint64_t steps = in.Varint();
  const uint64_t points = in.Varint();
  if (!in.ok() || steps > payload.size() || points > kColumnMax) {
    return Malformed("the size of a run of edits");
  }
  EditRun run;
  run.steps.reserve(steps);
  uint64_t end = 0;
  for (uint64_t i = 0; i < steps; ++i) {
    const auto flags = in.Le<uint8_t>();
    end += in.Varint(32);
    EditRun::Step step;
    step.replace = (flags & 2) != 0;
    if ((flags & 1) != 0) {
      step.kind = Edit::Kind::kRemove;
      step.start = in.Le<int64_t>();
      step.end = in.Le<int64_t>();
    }
    if (!in.ok() || flags > 3 || end > points) return Malformed("a step of a run of edits");
    step.points_end = static_cast<uint32_t>(end);
    run.steps.push_back(step);
  }
  if (end != points) return Malformed("the points of a run of edits");
  run.times.resize(points);
  run.values.resize(points);
  ARROW_RETURN_NOT_OK(DecodeIntegers(&in, run.times));
  ARROW_RETURN_NOT_OK(DecodeValues(&in, run.values));
  if (in.remaining() != 0) return Malformed("the length of a run of edits");
  for (size_t i = 0; i < run.steps.size(); ++i) {
    const auto times = run.Points(i).times;
    if (!std::is_sorted(times.begin(), times.end())) return Malformed("the order of an edit");
  }
  return run;
}

// | varint items | for each: u8 kind, u8 removes, i64 first, i64 last;
//   cuts: column of last - first + 1; root: link, i64 end; edits: address; step: nothing
std::string PayloadEncoder::EncodeHistory(const std::vector<HistoryItem>& items) {
  std::string out;
  AppendVarint(&out, items.size());
  for (const HistoryItem& item : items) {
    out.push_back(static_cast<char>(item.kind));
    out.push_back(item.removes ? 1 : 0);
    AppendLe(&out, item.first);
    AppendLe(&out, item.last);
    switch (item.kind) {
      case HistoryItem::Kind::kCuts:
        integers_.Encode(item.cuts, CodedFor::kKeeping, &out);
        break;
      case HistoryItem::Kind::kRoot:
        EncodeLink(item.root, &out);
        AppendLe(&out, item.end);
        break;
      case HistoryItem::Kind::kEdits:
      case HistoryItem::Kind::kLate:
        FIRTH_CHECK(item.address.known());
        EncodeAddress(item.address, &out);
        break;
      case HistoryItem::Kind::kStep:
        break;
    }
  }
  return out;
}

Result<std::vector<HistoryItem>> DecodeHistory(ByteReader* in) {
  const uint64_t count = in->Varint();
  if (!in->ok() || count > in->remaining()) return Malformed("the size of a history");
  std::vector<HistoryItem> items;
  items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    HistoryItem item;
    item.kind = static_cast<HistoryItem::Kind>(in->Le<uint8_t>());
    item.removes = in->Le<uint8_t>() != 0;
    item.first = in->Le<int64_t>();
    item.last = in->Le<int64_t>();
    if (!in->ok() || item.first < kEmptyRevision || item.last < item.first) {
      return Malformed("an item of a history");
    }
    switch (item.kind) {
      case HistoryItem::Kind::kCuts: {
        const auto cuts = static_cast<uint64_t>(item.last) - static_cast<uint64_t>(item.first) + 1;
        if (cuts > kCutsMax) return Malformed("the cuts of a history");
        item.cuts.resize(cuts);
        ARROW_RETURN_NOT_OK(DecodeIntegers(in, item.cuts));
        break;
      }
      case HistoryItem::Kind::kRoot:
        item.root = DecodeLink(in);
        item.end = in->Le<int64_t>();
        break;
      case HistoryItem::Kind::kEdits:
      case HistoryItem::Kind::kLate:
        item.address = DecodeAddress(in);
        break;
      case HistoryItem::Kind::kStep:
        break;
      default:
        return Malformed("an item of a history");
    }
    items.push_back(std::move(item));
  }
  if (!in->ok()) return Malformed("a history that is cut off");
  return items;
}

// | u8 blocks | for each: address, i64 first, i64 last, i64 last root, u8 flags
std::string PayloadEncoder::EncodeHistoryIndex(const std::vector<HistoryBlock>& blocks) const {
  FIRTH_CHECK(blocks.size() <= kHistoryFanOut);
  std::string out;
  out.push_back(static_cast<char>(blocks.size()));
  for (const HistoryBlock& block : blocks) {
    EncodeAddress(block.address, &out);
    AppendLe(&out, block.first);
    AppendLe(&out, block.last);
    AppendLe(&out, block.last_root);
    out.push_back(static_cast<char>((block.removes ? 1 : 0) | (block.late ? 2 : 0)));
  }
  return out;
}

Result<std::vector<HistoryBlock>> DecodeHistoryIndex(ByteReader* in) {
  const size_t count = in->Le<uint8_t>();
  if (!in->ok() || count > kHistoryFanOut) return Malformed("the size of a history's index");
  std::vector<HistoryBlock> blocks(count);
  for (HistoryBlock& block : blocks) {
    block.address = DecodeAddress(in);
    block.first = in->Le<int64_t>();
    block.last = in->Le<int64_t>();
    block.last_root = in->Le<int64_t>();
    const auto flags = in->Le<uint8_t>();
    block.removes = (flags & 1) != 0;
    block.late = (flags & 2) != 0;
  }
  if (!in->ok()) return Malformed("a history's index that is cut off");
  return blocks;
}

}  // namespace firth::timeview
