#include "firth/format/avro_file.h"

#include <arrow/util/compression.h>
#include <arrow/util/crc32.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/format/avro_decode.h"
#include "firth/format/avro_schema.h"
#include "firth/format/conform.h"

namespace firth::format {
namespace {

constexpr std::string_view kMagic("Obj\x01", 4);
constexpr size_t kSyncBytes = 16;
constexpr int64_t kMetadataItemsMax = 1000;
constexpr int64_t kTextMax = 16 << 20;
constexpr int64_t kBlockBytesMax = 64 << 20;
constexpr int64_t kUnpackedBytesMax = 256 << 20;

Status Broken(const std::string& why) {
  return Error(Code::kInvalidArgument, Reason::kNone, "this is not an Avro file: " + why);
}

/// The bytes of a stream, with what its framing is made of.
class Input {
 public:
  explicit Input(std::shared_ptr<arrow::io::InputStream> stream) : stream_(std::move(stream)) {}

  /// Exactly so many bytes.
  Result<std::string> Read(int64_t bytes) {
    std::string out;
    // As they come, whatever length was told.
    while (static_cast<int64_t>(out.size()) < bytes) {
      constexpr int64_t kPiece = 1 << 20;
      const int64_t wanted = std::min(kPiece, bytes - static_cast<int64_t>(out.size()));
      ARROW_ASSIGN_OR_RAISE(const auto piece, stream_->Read(wanted));
      if (piece->size() == 0) return Broken("it ends too early");
      out += std::string_view(*piece);
    }
    return out;
  }

  /// A number; nothing at the end of the stream, if that is `allowed`.
  Result<std::optional<int64_t>> Number(bool end_allowed) {
    std::string digits;
    while (digits.size() < 10) {
      ARROW_ASSIGN_OR_RAISE(const auto byte, stream_->Read(1));
      if (byte->size() == 0) {
        if (digits.empty() && end_allowed) return std::nullopt;
        return Broken("it ends within a number");
      }
      digits += static_cast<char>(byte->data()[0]);
      std::string_view rest(digits);
      int64_t value = 0;
      if (TakeAvroLong(&rest, &value)) return value;
    }
    return Broken("a number has more than 64 bits");
  }

  Result<int64_t> Length(int64_t most) {
    ARROW_ASSIGN_OR_RAISE(const auto value, Number(/*end_allowed=*/false));
    if (*value < 0 || *value > most) return Broken("a length is out of bounds");
    return *value;
  }

  Result<std::string> Text() {
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, Length(kTextMax));
    return Read(bytes);
  }

 private:
  const std::shared_ptr<arrow::io::InputStream> stream_;
};

Result<std::map<std::string, std::string>> ReadMetadata(Input* input) {
  std::map<std::string, std::string> metadata;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto counted, input->Number(/*end_allowed=*/false));
    int64_t count = *counted;
    if (count == 0) return metadata;
    if (count < 0) {
      ARROW_RETURN_NOT_OK(input->Number(/*end_allowed=*/false).status());
      count = count == INT64_MIN ? INT64_MAX : -count;
    }
    if (count > kMetadataItemsMax - static_cast<int64_t>(metadata.size())) {
      return Broken("its header has too many entries");
    }
    for (int64_t i = 0; i < count; ++i) {
      ARROW_ASSIGN_OR_RAISE(std::string name, input->Text());
      ARROW_ASSIGN_OR_RAISE(metadata[std::move(name)], input->Text());
    }
  }
}

Result<std::string> Inflate(arrow::util::Codec* codec, const std::string& packed) {
  ARROW_ASSIGN_OR_RAISE(const auto unpacker, codec->MakeDecompressor());
  std::string out;
  auto rest = std::string_view(packed);
  while (!unpacker->IsFinished()) {
    const size_t filled = out.size();
    out.resize(std::min<size_t>(std::max<size_t>(2 * filled, 4 * packed.size() + 64),
                                static_cast<size_t>(kUnpackedBytesMax) + 1));
    ARROW_ASSIGN_OR_RAISE(const auto step,
                          unpacker->Decompress(static_cast<int64_t>(rest.size()),
                                               reinterpret_cast<const uint8_t*>(rest.data()),
                                               static_cast<int64_t>(out.size() - filled),
                                               reinterpret_cast<uint8_t*>(out.data() + filled)));
    rest.remove_prefix(static_cast<size_t>(step.bytes_read));
    out.resize(filled + static_cast<size_t>(step.bytes_written));
    if (static_cast<int64_t>(out.size()) > kUnpackedBytesMax) {
      return Broken("a block unpacks to more than 256 MiB");
    }
    if (step.bytes_read == 0 && step.bytes_written == 0) return Broken("a block is cut off");
  }
  return out;
}

Result<std::string> Unsnap(arrow::util::Codec* codec, std::string packed) {
  constexpr size_t kChecksumBytes = 4;
  if (packed.size() < kChecksumBytes) return Broken("a block has no checksum");
  const auto checksum = LoadBe<uint32_t>(packed.data() + packed.size() - kChecksumBytes);
  packed.resize(packed.size() - kChecksumBytes);
  uint64_t bytes = 0;
  for (size_t i = 0; i < packed.size() && i < 5; ++i) {
    const auto byte = static_cast<unsigned char>(packed[i]);
    bytes |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) break;
  }
  if (bytes > kUnpackedBytesMax) return Broken("a block unpacks to more than 256 MiB");
  std::string out(bytes, '\0');
  ARROW_ASSIGN_OR_RAISE(
      const int64_t written,
      codec->Decompress(static_cast<int64_t>(packed.size()),
                        reinterpret_cast<const uint8_t*>(packed.data()),
                        static_cast<int64_t>(out.size()), reinterpret_cast<uint8_t*>(out.data())));
  out.resize(static_cast<size_t>(written));
  if (arrow::internal::crc32(0, out.data(), out.size()) != checksum) {
    return Broken("a block's checksum is not that of its bytes");
  }
  return out;
}

class AvroBatches : public arrow::RecordBatchReader {
 public:
  static Result<std::shared_ptr<AvroBatches>> Open(std::shared_ptr<arrow::io::InputStream> stream) {
    auto batches = std::make_shared<AvroBatches>(Input(std::move(stream)));
    ARROW_RETURN_NOT_OK(batches->ReadHeader());
    return batches;
  }
  explicit AvroBatches(Input input) : input_(std::move(input)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    ARROW_ASSIGN_OR_RAISE(const auto count, input_.Number(/*end_allowed=*/true));
    if (!count.has_value()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, input_.Length(kBlockBytesMax));
    ARROW_ASSIGN_OR_RAISE(std::string block, input_.Read(bytes));
    ARROW_ASSIGN_OR_RAISE(const std::string sync, input_.Read(kSyncBytes));
    if (sync != sync_) return Broken("a block does not end with the file's marker");
    if (codec_ != nullptr && is_snappy_) {
      ARROW_ASSIGN_OR_RAISE(block, Unsnap(codec_.get(), std::move(block)));
    } else if (codec_ != nullptr) {
      ARROW_ASSIGN_OR_RAISE(block, Inflate(codec_.get(), block));
    }
    ARROW_ASSIGN_OR_RAISE(*batch, DecodeAvro(record_, *count, block, schema_));
    return Status::OK();
  }

 private:
  Status ReadHeader() {
    ARROW_ASSIGN_OR_RAISE(const std::string magic, input_.Read(kMagic.size()));
    if (magic != kMagic) return Broken("it does not begin as one");
    ARROW_ASSIGN_OR_RAISE(const auto metadata, ReadMetadata(&input_));
    ARROW_ASSIGN_OR_RAISE(sync_, input_.Read(kSyncBytes));
    const auto schema = metadata.find("avro.schema");
    if (schema == metadata.end()) return Broken("it has no schema");
    ARROW_ASSIGN_OR_RAISE(record_, ParseAvroSchema(schema->second));
    schema_ = arrow::schema(record_.type->fields());
    const auto codec = metadata.find("avro.codec");
    return OpenCodec(codec == metadata.end() ? "null" : codec->second);
  }

  Status OpenCodec(const std::string& name) {
    if (name == "null") return Status::OK();
    if (name == "deflate") {
      arrow::util::GZipCodecOptions raw;
      raw.gzip_format = arrow::util::GZipFormat::DEFLATE;
      ARROW_ASSIGN_OR_RAISE(codec_, arrow::util::Codec::Create(arrow::Compression::GZIP, raw));
      return Status::OK();
    }
    if (name == "zstandard" || name == "snappy") {
      is_snappy_ = name == "snappy";
      ARROW_ASSIGN_OR_RAISE(codec_,
                            arrow::util::Codec::Create(is_snappy_ ? arrow::Compression::SNAPPY
                                                                  : arrow::Compression::ZSTD));
      return Status::OK();
    }
    return Broken("its codec '" + name.substr(0, 64) + "' is not known here");
  }

  Input input_;
  AvroNode record_;
  std::shared_ptr<arrow::Schema> schema_;
  std::string sync_;
  std::unique_ptr<arrow::util::Codec> codec_;  // null: blocks are not packed
  bool is_snappy_ = false;
};

}  // namespace

Result<std::unique_ptr<FileReader>> OpenAvro(Source source, const ReadOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto stream, source.AsStream());
  ConformedInput conformed{.name = source.name,
                           .progress = source.progress,
                           .batch_rows = options.batch_rows,
                           .validate = true,
                           .all_columns = true};
  ARROW_ASSIGN_OR_RAISE(conformed.batches, AvroBatches::Open(std::move(stream)));
  ARROW_ASSIGN_OR_RAISE(conformed.wanted, Choose(*conformed.batches->schema(), options));
  return Conform(std::move(conformed));
}

}  // namespace firth::format
