// Compressed buffers of a batch, looked at without making Arrow's tables of them.
#pragma once

#include <arrow/util/compression.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>

#include "firth/common/bytes.h"
#include "firth/log/ipc_message.h"

namespace firth::log {

/// Unpacks one buffer after another into memory that is used again, by the code that Arrow's reader
/// unpacks with: another version of a library may take what that one refuses. For one thread.
class Unpacker {
 public:
  /// A longer buffer is not unpacked here.
  static constexpr size_t kBytesMax = 2 << 20;
  /// What was unpacked stays until so many more were.
  static constexpr size_t kHeld = 3;

  /// The bytes of a buffer as a message holds it: eight with their count, or -1 for such as are not
  /// compressed, and then they. Nothing where it is not that.
  std::optional<Bytes> Unpack(IpcCompression compression, Bytes packed);

 private:
  arrow::util::Codec* CodecOf(IpcCompression compression);

  std::unique_ptr<arrow::util::Codec> zstd_;
  std::unique_ptr<arrow::util::Codec> lz4_;
  std::array<std::unique_ptr<std::byte[]>, kHeld> memory_;
  size_t next_ = 0;
};

}  // namespace firth::log
