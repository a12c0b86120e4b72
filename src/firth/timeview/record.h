// Records: what node files hold. docs/formats/timeview.md says the same in words; a change to
// either is a new format version and a reader for the old one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/timeview/block_leaf.h"
#include "firth/timeview/history.h"
#include "firth/timeview/integer_codec.h"
#include "firth/timeview/node.h"
#include "firth/timeview/overlay.h"
#include "firth/timeview/series.h"
#include "firth/timeview/value_codec.h"

namespace firth::timeview {

/// What stands at the beginning of every file of the view.
inline constexpr size_t kFileHeaderBytes = 64;
/// Version 1 has no leaves of blocks, version 2 no heads in parts.
inline constexpr uint32_t kFormatVersion = 3;
enum class FileKind : uint32_t { kNodes = 1, kPacked = 2, kDirectory = 3 };
std::string EncodeFileHeader(FileKind kind, uint32_t number, uint32_t version = kFormatVersion);
/// Errors: kFailedPrecondition / kFormatTooNew; kDataLoss / kChecksumMismatch, without a place.
Status CheckFileHeader(Bytes header, FileKind kind, uint32_t number);

enum class RecordKind : uint8_t {
  kLeaf = 1,  // as NodeKind
  kInner = 2,
  kPile = 3,
  kEdits = 4,         // an EditRun
  kHistory = 5,       // items of a history
  kHistoryIndex = 6,  // references to such records
  kSeries = 7,        // a series' head
  kBlockLeaf = 8,     // a leaf, too, of which blocks can be read alone
  kHeadPart = 9,      // edits that came since a series' head was written
};

inline constexpr size_t kRecordAlignment = 8;
inline constexpr size_t kRecordHeaderBytes = 48;
/// Bytes of a record at most: more are an error of the format.
inline constexpr uint32_t kRecordBytesMax = uint32_t{1} << 30;

/// The header of a record. A record is found by its place, so the header is for checking, and for
/// telling whether anything still leads to the record.
struct RecordHeader {
  RecordKind kind = RecordKind::kLeaf;
  uint8_t width = 0;   // nodes: Node::width
  uint32_t bytes = 0;  // of the payload
  SeriesId series;
  int64_t start = 0;     // nodes: Node::start; edits, history: the first revision
  int64_t revision = 0;  // nodes: Node::revision; edits, history: the last
};

/// Put a header before a payload, padded to the alignment; the checksum holds for `address` alone.
void AppendRecord(const RecordHeader& header, Bytes payload, const NodeAddress& address,
                  std::string* out);
/// Bytes that a record takes with a payload of this many.
constexpr uint32_t RecordBytes(size_t payload) {
  return static_cast<uint32_t>((kRecordHeaderBytes + payload + kRecordAlignment - 1) /
                               kRecordAlignment * kRecordAlignment);
}

/// A record that was read.
struct Record {
  RecordHeader header;
  Bytes payload;  // a view into the bytes
};
/// Check the bytes of a record and take it apart. Error kDataLoss / kChecksumMismatch, without a
/// place.
Result<Record> ParseRecord(Bytes bytes, const NodeAddress& address);
/// Only the header, unchecked but for possible values: to hop from record to record.
Result<RecordHeader> ParseRecordHeader(Bytes bytes);

/// Writes payloads. One thread at a time.
class PayloadEncoder {
 public:
  struct EncodedNode {
    RecordKind kind;
    std::string payload;
  };
  /// A leaf, or an inner node or pile all of whose links have addresses.
  EncodedNode EncodeNode(const Node& node);
  /// Its steps from `first` on.
  std::string EncodeEdits(const EditRun& run, CodedFor use, size_t first = 0);
  /// An edit with these times, of which there are some, sorted, whose values mean nothing.
  std::string EncodeLate(std::span<const int64_t> times);
  /// Items whose roots and edits have addresses.
  std::string EncodeHistory(const std::vector<HistoryItem>& items);
  /// References to records of the level below.
  std::string EncodeHistoryIndex(const std::vector<HistoryBlock>& blocks) const;
  void EncodeLink(const NodeLink& link, std::string* out) const;

 private:
  IntegerEncoder integers_;
  ValueEncoder values_;
  BlockLeafEncoder leaves_;
};

/// May a record of this kind be what such a link leads to?
constexpr bool IsOfLink(RecordKind record, NodeKind link) {
  return record == static_cast<RecordKind>(link) ||
         (record == RecordKind::kBlockLeaf && link == NodeKind::kLeaf);
}

/// Readers of payloads. Errors: kDataLoss / kChecksumMismatch, without a place. A leaf of blocks
/// stays coded. A node's memory is from `memory`, if there is any.
Result<NodePtr> DecodeNode(const RecordHeader& header, Bytes payload, NodeMemory* memory = nullptr);
Result<EditRun> DecodeEdits(Bytes payload);
Result<std::vector<HistoryItem>> DecodeHistory(ByteReader* in);
Result<std::vector<HistoryBlock>> DecodeHistoryIndex(ByteReader* in);
NodeLink DecodeLink(ByteReader* in);

void EncodeAddress(const NodeAddress& address, std::string* out);
NodeAddress DecodeAddress(ByteReader* in);

}  // namespace firth::timeview
