// The file that holds one object of a folder object store. All integers are little endian.
//
//   | bytes      | what                                                                   |
//   |------------|------------------------------------------------------------------------|
//   | 0..4       | magic "FOBJ"                                                           |
//   | 4..8       | format version, 1                                                      |
//   | 8..16      | modified_ns: when it was put, ns since the epoch                       |
//   | 16..24     | bytes of content                                                       |
//   | 24..32     | XXH3-64 of bytes 0..24, its seed the XXH3-64 of the key                |
//   | 8 a block  | XXH3-64 of each block of 64 KiB (the last may be shorter), its seed    |
//   |            | the header's checksum plus the block's index                           |
//   | the rest   | the content                                                            |
//
// The seeds tie a header to its key and a block to its header and place, so that bytes which are
// sound but in the wrong file or place are found out as well. The first 32 bytes are the same in
// every version. Versions: 1, the first.
#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::store {

inline constexpr uint32_t kObjectMagic = 0x4a424f46;  // "FOBJ"
inline constexpr uint32_t kObjectVersion = 1;
inline constexpr uint64_t kObjectHeaderBytes = 32;
inline constexpr uint64_t kObjectBlockBytes = 64 << 10;
inline constexpr uint64_t kObjectChecksumBytes = sizeof(uint64_t);

struct ObjectHeader {
  int64_t modified_ns = 0;
  uint64_t bytes = 0;     // of content
  uint64_t checksum = 0;  // of the header, from which its blocks' seeds are made
};

/// What stands before the content: the header and the blocks' checksums.
std::string EncodeObjectFront(std::string_view key, int64_t modified_ns, Bytes content);

/// Read and verify the header, and that the file is as long as that says. Errors: kDataLoss /
/// kChecksumMismatch; kFailedPrecondition / kFormatTooNew.
Result<ObjectHeader> ReadObjectHeader(const File& file, std::string_view key);

/// Read [begin, end) of the content, which lies within it, and verify every block that it touches.
Result<std::shared_ptr<arrow::Buffer>> ReadObjectContent(const File& file, std::string_view key,
                                                         const ObjectHeader& header, uint64_t begin,
                                                         uint64_t end);

}  // namespace firth::store
