#include "firth/log/unpack.h"

namespace firth::log {

std::optional<Bytes> Unpacker::Unpack(IpcCompression compression, Bytes packed) {
  if (packed.size() < sizeof(int64_t)) return std::nullopt;
  const auto bytes = LoadLe<int64_t>(packed.data());
  packed = packed.subspan(sizeof(int64_t));
  if (bytes == -1) return packed;
  arrow::util::Codec* const codec = CodecOf(compression);
  if (codec == nullptr || bytes < 0 || static_cast<uint64_t>(bytes) > kBytesMax) {
    return std::nullopt;
  }
  auto& memory = memory_[next_++ % kHeld];
  if (memory == nullptr) memory = std::make_unique_for_overwrite<std::byte[]>(kBytesMax);
  const auto made = codec->Decompress(static_cast<int64_t>(packed.size()),
                                      reinterpret_cast<const uint8_t*>(packed.data()), bytes,
                                      reinterpret_cast<uint8_t*>(memory.get()));
  if (!made.ok() || *made != bytes) return std::nullopt;
  return Bytes(memory.get(), static_cast<size_t>(bytes));
}

arrow::util::Codec* Unpacker::CodecOf(IpcCompression compression) {
  const bool is_zstd = compression == IpcCompression::kZstd;
  auto& codec = is_zstd ? zstd_ : lz4_;
  if (codec == nullptr) {
    auto made = arrow::util::Codec::Create(is_zstd ? arrow::Compression::ZSTD
                                                   : arrow::Compression::LZ4_FRAME);
    if (made.ok()) codec = std::move(*made);
  }
  return codec.get();
}

}  // namespace firth::log
