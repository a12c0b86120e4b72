// Compressed buffers of a batch, judged by their frames without unpacking them. Layouts: the LZ4
// frame format 1.6 and RFC 8878 (Zstandard).
#pragma once

#include <cstdint>

#include "firth/common/bytes.h"
#include "firth/log/ipc_message.h"

namespace firth::log {

/// Is `packed` one whole frame, with nothing behind it, that says of itself that `bytes` bytes come
/// out of it? Told from the headers of the frame and of its blocks, so what is in the blocks may
/// still be damaged. An LZ4 frame may be silent about its size: then its blocks must be able to
/// hold so much. Hostile bytes; false says only that it must be unpacked to know.
bool IsFrameOf(IpcCompression compression, Bytes packed, int64_t bytes);

}  // namespace firth::log
