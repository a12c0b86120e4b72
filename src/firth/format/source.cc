#include "firth/format/source.h"

#include <arrow/buffer.h>
#include <arrow/io/compressed.h>
#include <arrow/io/memory.h>
#include <arrow/util/compression.h>

#include <algorithm>
#include <utility>

#include "firth/format/streams.h"
#include "firth/format/zip_member.h"

namespace firth::format {
namespace {

/// What a packed file may take when its format can only be read from memory.
constexpr int64_t kUnpackedBytesMax = int64_t{256} << 20;

/// The whole rest of a stream.
Result<std::shared_ptr<arrow::io::RandomAccessFile>> IntoMemory(arrow::io::InputStream* stream,
                                                                const std::string& name) {
  constexpr int64_t kStep = 4 << 20;
  arrow::BufferBuilder builder;
  while (true) {
    if (builder.length() > kUnpackedBytesMax) {
      return Error(Code::kResourceExhausted, Reason::kOverBudget,
                   name + ": unpacked, the file takes more than " +
                       std::to_string(kUnpackedBytesMax) +
                       " bytes, and its format cannot be read as a stream; unpack it first");
    }
    ARROW_RETURN_NOT_OK(builder.Reserve(kStep));
    ARROW_ASSIGN_OR_RAISE(const int64_t count,
                          ReadFully(stream, kStep, builder.mutable_data() + builder.length()));
    builder.UnsafeAdvance(count);
    if (count < kStep) break;
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer, builder.Finish());
  return std::make_shared<arrow::io::BufferReader>(std::move(buffer));
}

Result<std::shared_ptr<arrow::io::InputStream>> Unpack(
    arrow::Compression::type compression, std::shared_ptr<arrow::io::InputStream> packed) {
  // The codec must outlive the stream: it is kept next to it.
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::util::Codec> codec,
                        arrow::util::Codec::Create(compression));
  ARROW_ASSIGN_OR_RAISE(auto stream,
                        arrow::io::CompressedInputStream::Make(codec.get(), std::move(packed)));
  struct Both {
    std::shared_ptr<arrow::util::Codec> codec;
    std::shared_ptr<arrow::io::InputStream> stream;
  };
  auto both = std::make_shared<Both>(Both{std::move(codec), std::move(stream)});
  arrow::io::InputStream* const inside = both->stream.get();
  return std::shared_ptr<arrow::io::InputStream>(std::move(both), inside);
}

}  // namespace

Result<std::shared_ptr<arrow::io::InputStream>> Source::AsStream() {
  if (stream != nullptr) return stream;
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  auto metered = std::make_shared<FileStream>(file);
  progress = [metered, size] {
    return size == 0 ? 1.0
                     : std::min(1.0, static_cast<double>(metered->position()) /
                                         static_cast<double>(size));
  };
  return metered;
}

Result<std::shared_ptr<arrow::io::RandomAccessFile>> Source::AsFile() {
  if (file != nullptr) return file;
  return IntoMemory(stream.get(), name);
}

Result<Source> OpenSource(std::shared_ptr<arrow::io::RandomAccessFile> input,
                          const std::string& name, std::optional<FileFormat> format) {
  NameParts parts = TakeNameApart(name);
  Source source{.name = name, .file = std::move(input)};
  for (size_t i = 0; i < parts.packings.size(); ++i) {
    if (parts.packings[i] == Packing::kZip) {
      ARROW_ASSIGN_OR_RAISE(auto archive, source.AsFile());
      ARROW_ASSIGN_OR_RAISE(ZipMember member, OpenZipMember(std::move(archive), source.name));
      source.name += "/" + member.name.substr(0, 256);
      source.file = nullptr;
      source.stream = std::move(member.stream);
      source.progress = std::move(member.progress);
      // What the member's own name says counts more than what stood before `.zip`.
      const NameParts inside = TakeNameApart(member.name);
      if (inside.format.has_value() || !inside.packings.empty()) {
        parts.packings.resize(i + 1);
        if (inside.format.has_value()) parts.format = inside.format;
        for (const Packing packing : inside.packings) {
          if (packing == Packing::kZip) {
            return Error(Code::kInvalidArgument, Reason::kNone,
                         source.name + ": an archive in an archive is not read");
          }
          parts.packings.push_back(packing);
        }
      }
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto packed, source.AsStream());
    ARROW_ASSIGN_OR_RAISE(source.stream,
                          Unpack(parts.packings[i] == Packing::kGzip ? arrow::Compression::GZIP
                                                                     : arrow::Compression::ZSTD,
                                 std::move(packed)));
    source.file = nullptr;
  }
  if (format.has_value()) parts.format = format;
  if (!parts.format.has_value()) return UnknownName(source.name);
  source.format = *parts.format;
  return source;
}

}  // namespace firth::format
