#include "firth/log/packed_frame.h"

#include <lz4frame.h>
#include <zstd.h>

#include <memory>

namespace firth::log {
namespace {

bool IsZstdFrameOf(Bytes packed, int64_t bytes) {
  // A dictionary is named by the frame, and nobody here has one.
  return ZSTD_getFrameContentSize(packed.data(), packed.size()) == static_cast<uint64_t>(bytes) &&
         ZSTD_getDictID_fromFrame(packed.data(), packed.size()) == 0 &&
         ZSTD_findFrameCompressedSize(packed.data(), packed.size()) == packed.size();
}

struct FreeContext {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

/// This thread's, as new; null where there is no memory for it.
LZ4F_dctx* Context() {
  thread_local std::unique_ptr<LZ4F_dctx, FreeContext> context;
  if (context == nullptr) {
    LZ4F_dctx* made = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION))) return nullptr;
    context.reset(made);
  }
  LZ4F_resetDecompressionContext(context.get());
  return context.get();
}

/// The most that one block of this frame holds; 0 for a size that the format does not have.
int64_t BlockBytesMax(LZ4F_blockSizeID_t id) {
  if (id < LZ4F_max64KB || id > LZ4F_max4MB) return 0;
  return int64_t{1} << (8 + 2 * id);
}

bool IsLz4FrameOf(Bytes packed, int64_t bytes) {
  LZ4F_dctx* const context = Context();
  if (context == nullptr) return false;
  LZ4F_frameInfo_t frame{};
  size_t at = packed.size();
  if (LZ4F_isError(LZ4F_getFrameInfo(context, &frame, packed.data(), &at))) return false;
  if (frame.frameType != LZ4F_frame || frame.dictID != 0) return false;
  if (frame.contentSize != 0 && frame.contentSize != static_cast<uint64_t>(bytes)) return false;
  const int64_t block_max = BlockBytesMax(frame.blockSizeID);
  const size_t checksum = frame.blockChecksumFlag == LZ4F_blockChecksumEnabled ? 4 : 0;
  int64_t held = 0;
  while (packed.size() - at >= 4) {
    const auto block = LoadLe<uint32_t>(packed.data() + at);
    at += 4;
    if (block == 0) {  // the end mark
      const size_t last = frame.contentChecksumFlag == LZ4F_contentChecksumEnabled ? 4 : 0;
      return packed.size() - at == last && bytes <= held;
    }
    const int64_t length = block & 0x7fffffff;  // the highest bit: not compressed
    if (length > block_max || packed.size() - at < static_cast<size_t>(length) + checksum) {
      return false;
    }
    at += static_cast<size_t>(length) + checksum;
    held += block_max;
  }
  return false;
}

}  // namespace

bool IsFrameOf(IpcCompression compression, Bytes packed, int64_t bytes) {
  return compression == IpcCompression::kZstd ? IsZstdFrameOf(packed, bytes)
                                              : IsLz4FrameOf(packed, bytes);
}

}  // namespace firth::log
