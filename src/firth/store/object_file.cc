#include "firth/store/object_file.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "firth/common/checksum.h"

namespace firth::store {
namespace {

constexpr size_t kVersionAt = 4;
constexpr size_t kModifiedAt = 8;
constexpr size_t kBytesAt = 16;
constexpr size_t kChecksumAt = 24;
static_assert(kChecksumAt + kObjectChecksumBytes == kObjectHeaderBytes);

uint64_t BlockCount(uint64_t bytes) {
  return bytes / kObjectBlockBytes + (bytes % kObjectBlockBytes != 0);
}

uint64_t ContentAt(uint64_t bytes) {
  return kObjectHeaderBytes + BlockCount(bytes) * kObjectChecksumBytes;
}

uint64_t HeaderChecksum(Bytes header, std::string_view key) {
  return Hash64(header.first(kChecksumAt), Hash64(AsBytes(key)));
}

uint64_t BlockChecksum(Bytes block, uint64_t header_checksum, uint64_t index) {
  return Hash64(block, header_checksum + index);
}

Status Damaged(const File& file, std::string_view key, const std::string& what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the object '" + std::string(key) + "' is damaged: " + what + " in the file '" +
                   file.name() + "'");
}

/// Verify the blocks in `content`, which begins with block `first`, against `table`.
Status VerifyBlocks(const File& file, std::string_view key, const ObjectHeader& header,
                    uint64_t first, Bytes table, Bytes content) {
  for (uint64_t index = first; !content.empty(); ++index) {
    const Bytes block = content.first(std::min<size_t>(content.size(), kObjectBlockBytes));
    const auto expected = LoadLe<uint64_t>(table.data());
    if (BlockChecksum(block, header.checksum, index) != expected) {
      return Damaged(file, key,
                     "the checksum does not match at byte " +
                         std::to_string(index * kObjectBlockBytes) + " of the content");
    }
    table = table.subspan(kObjectChecksumBytes);
    content = content.subspan(block.size());
  }
  return Status::OK();
}

}  // namespace

std::string EncodeObjectFront(std::string_view key, int64_t modified_ns, Bytes content) {
  std::string front;
  front.reserve(ContentAt(content.size()));
  AppendLe(&front, kObjectMagic);
  AppendLe(&front, kObjectVersion);
  AppendLe(&front, modified_ns);
  AppendLe(&front, uint64_t{content.size()});
  const uint64_t checksum = HeaderChecksum(AsBytes(front), key);
  AppendLe(&front, checksum);
  for (uint64_t index = 0; !content.empty(); ++index) {
    const Bytes block = content.first(std::min<size_t>(content.size(), kObjectBlockBytes));
    AppendLe(&front, BlockChecksum(block, checksum, index));
    content = content.subspan(block.size());
  }
  return front;
}

Result<ObjectHeader> ReadObjectHeader(const File& file, std::string_view key) {
  ARROW_ASSIGN_OR_RAISE(const uint64_t file_bytes, file.Size());
  if (file_bytes < kObjectHeaderBytes) {
    return Damaged(file, key, "there are only " + std::to_string(file_bytes) + " bytes");
  }
  std::array<std::byte, kObjectHeaderBytes> bytes;
  ARROW_RETURN_NOT_OK(file.Read(0, bytes));
  ObjectHeader header{.modified_ns = LoadLe<int64_t>(&bytes[kModifiedAt]),
                      .bytes = LoadLe<uint64_t>(&bytes[kBytesAt]),
                      .checksum = LoadLe<uint64_t>(&bytes[kChecksumAt])};
  if (LoadLe<uint32_t>(bytes.data()) != kObjectMagic ||
      header.checksum != HeaderChecksum(bytes, key)) {
    return Damaged(file, key, "the header's checksum does not match");
  }
  const auto version = LoadLe<uint32_t>(&bytes[kVersionAt]);
  if (version > kObjectVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "the object '" + std::string(key) + "' has format version " +
                     std::to_string(version) + "; this program reads up to " +
                     std::to_string(kObjectVersion));
  }
  if (header.bytes > file_bytes || ContentAt(header.bytes) + header.bytes != file_bytes) {
    return Damaged(file, key,
                   "there are " + std::to_string(file_bytes) + " bytes, which does not fit " +
                       std::to_string(header.bytes) + " of content");
  }
  return header;
}

Result<std::shared_ptr<arrow::Buffer>> ReadObjectContent(const File& file, std::string_view key,
                                                         const ObjectHeader& header, uint64_t begin,
                                                         uint64_t end) {
  FIRTH_CHECK(begin <= end && end <= header.bytes);
  const uint64_t first = begin / kObjectBlockBytes;
  const uint64_t count = begin == end ? 0 : BlockCount(end) - first;
  const uint64_t from = first * kObjectBlockBytes;
  const uint64_t to = std::min(from + count * kObjectBlockBytes, header.bytes);
  const uint64_t content_bytes = count == 0 ? 0 : to - from;

  std::vector<std::byte> table(count * kObjectChecksumBytes);
  ARROW_RETURN_NOT_OK(file.Read(kObjectHeaderBytes + first * kObjectChecksumBytes, table));
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(static_cast<int64_t>(content_bytes)));
  const auto content = std::as_writable_bytes(std::span(buffer->mutable_data(), content_bytes));
  ARROW_RETURN_NOT_OK(file.Read(ContentAt(header.bytes) + from, content));
  ARROW_RETURN_NOT_OK(VerifyBlocks(file, key, header, first, table, content));

  std::shared_ptr<arrow::Buffer> shared = std::move(buffer);
  if (begin == from && end == to) return shared;
  if (begin == end) return shared;
  return arrow::SliceBuffer(std::move(shared), static_cast<int64_t>(begin - from),
                            static_cast<int64_t>(end - begin));
}

}  // namespace firth::store
