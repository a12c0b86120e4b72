#include "firth/log/ipc_message.h"

#include <arrow/extension_type.h>
#include <arrow/type_traits.h>
#include <flatbuffers/flatbuffers.h>

#include <cstring>

namespace firth::log {
namespace {

// Slots of the tables in Arrow's Message.fbs: 4 + 2 * the field's place.
constexpr flatbuffers::voffset_t kMessageVersion = 4;
constexpr flatbuffers::voffset_t kMessageHeaderType = 6;
constexpr flatbuffers::voffset_t kMessageHeader = 8;
constexpr flatbuffers::voffset_t kMessageBodyLength = 10;
constexpr flatbuffers::voffset_t kMessageCustom = 12;
constexpr flatbuffers::voffset_t kBatchLength = 4;
constexpr flatbuffers::voffset_t kBatchNodes = 6;
constexpr flatbuffers::voffset_t kBatchBuffers = 8;
constexpr flatbuffers::voffset_t kBatchCompression = 10;
constexpr flatbuffers::voffset_t kBatchVariadic = 12;
constexpr flatbuffers::voffset_t kCompressionCodec = 4;
constexpr flatbuffers::voffset_t kCompressionMethod = 6;
constexpr uint8_t kHeaderTypeRecordBatch = 3;

constexpr uint32_t kContinuation = 0xffffffff;
constexpr size_t kPrefixBytes = 8;

// Two structs of 16 bytes: (length, null_count) and (offset, length).
struct Pair {
  int64_t first;
  int64_t second;
};
static_assert(sizeof(Pair) == 16);
using PairVector = flatbuffers::Vector<const Pair*>;

Status Corrupt(const char* what) {
  return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
               std::string("the batch's Arrow message ") + what);
}

bool VerifyPairs(flatbuffers::Verifier& verifier, const flatbuffers::Table* table,
                 flatbuffers::voffset_t slot) {
  const auto* vector = table->GetPointer<const PairVector*>(slot);
  if (vector == nullptr) return true;
  return verifier.VerifyVectorOrString(reinterpret_cast<const uint8_t*>(vector), sizeof(Pair));
}

bool VerifyMessage(flatbuffers::Verifier& verifier, const flatbuffers::Table* message) {
  return message->VerifyTableStart(verifier) &&
         message->VerifyField<int16_t>(verifier, kMessageVersion, sizeof(int16_t)) &&
         message->VerifyField<uint8_t>(verifier, kMessageHeaderType, sizeof(uint8_t)) &&
         message->VerifyOffset(verifier, kMessageHeader) &&
         message->VerifyField<int64_t>(verifier, kMessageBodyLength, sizeof(int64_t)) &&
         verifier.EndTable();
}

bool VerifyBatch(flatbuffers::Verifier& verifier, const flatbuffers::Table* batch) {
  if (!batch->VerifyTableStart(verifier) ||
      !batch->VerifyField<int64_t>(verifier, kBatchLength, sizeof(int64_t)) ||
      !batch->VerifyOffset(verifier, kBatchNodes) || !VerifyPairs(verifier, batch, kBatchNodes) ||
      !batch->VerifyOffset(verifier, kBatchBuffers) ||
      !VerifyPairs(verifier, batch, kBatchBuffers) ||
      !batch->VerifyOffset(verifier, kBatchCompression) ||
      !batch->VerifyOffset(verifier, kBatchVariadic)) {
    return false;
  }
  const auto* compression = batch->GetPointer<const flatbuffers::Table*>(kBatchCompression);
  if (compression != nullptr &&
      (!compression->VerifyTableStart(verifier) ||
       !compression->VerifyField<int8_t>(verifier, kCompressionCodec, sizeof(int8_t)) ||
       !compression->VerifyField<int8_t>(verifier, kCompressionMethod, sizeof(int8_t)) ||
       !verifier.EndTable())) {
    return false;
  }
  return verifier.EndTable();
}

template <typename Pairs>
void CopyPairs(const flatbuffers::Table* table, flatbuffers::voffset_t slot, Pairs* out) {
  static_assert(sizeof(typename Pairs::value_type) == sizeof(Pair));
  const auto* vector = table->GetPointer<const PairVector*>(slot);
  if (vector == nullptr || vector->size() == 0) return;
  out->resize(vector->size());
  std::memcpy(out->data(), vector->Data(), vector->size() * sizeof(Pair));
}

}  // namespace

Result<IpcRecordBatch> ParseIpcRecordBatch(Bytes message) {
  ByteReader reader(message);
  if (reader.Le<uint32_t>() != kContinuation) return Corrupt("does not begin with ffffffff");
  const auto metadata_bytes = reader.Le<int32_t>();
  if (!reader.ok() || metadata_bytes <= 0 ||
      static_cast<size_t>(metadata_bytes) > reader.remaining()) {
    return Corrupt("has metadata that does not fit into it");
  }
  const Bytes metadata = reader.Take(static_cast<size_t>(metadata_bytes));

  // Flatbuffers wants its bytes aligned; a slice of a frame need not be.
  constexpr size_t kUsualWords = 128;
  arrow::internal::SmallVector<uint64_t, kUsualWords> aligned;
  aligned.resize((metadata.size() + 7) / 8);
  std::memcpy(aligned.data(), metadata.data(), metadata.size());
  const auto* bytes = reinterpret_cast<const uint8_t*>(aligned.data());
  flatbuffers::Verifier verifier(bytes, metadata.size(), /*max_depth=*/16, /*max_tables=*/64);
  if (metadata.size() < 8 || verifier.VerifyOffset(0) == 0) return Corrupt("has broken metadata");
  const auto* root = flatbuffers::GetRoot<flatbuffers::Table>(bytes);
  if (!VerifyMessage(verifier, root)) return Corrupt("has broken metadata");
  if (root->GetField<uint8_t>(kMessageHeaderType, 0) != kHeaderTypeRecordBatch) {
    return Corrupt("is not a record batch");
  }
  const auto* batch = root->GetPointer<const flatbuffers::Table*>(kMessageHeader);
  if (batch == nullptr || !VerifyBatch(verifier, batch)) return Corrupt("has broken metadata");

  IpcRecordBatch parsed;
  parsed.metadata_version = root->GetField<int16_t>(kMessageVersion, 0);
  parsed.length = batch->GetField<int64_t>(kBatchLength, 0);
  parsed.has_more = metadata_bytes % 8 != 0 || root->GetOptionalFieldOffset(kMessageCustom) != 0 ||
                    batch->GetOptionalFieldOffset(kBatchVariadic) != 0;
  parsed.body = reader.rest();
  if (parsed.metadata_version != 3 && parsed.metadata_version != 4) {
    return Corrupt("has a metadata version that is neither V4 nor V5");
  }
  const int64_t body_bytes = root->GetField<int64_t>(kMessageBodyLength, 0);
  if (body_bytes < 0 || static_cast<uint64_t>(body_bytes) > parsed.body.size()) {
    return Corrupt("has a body that is shorter than it says");
  }
  parsed.body = parsed.body.first(static_cast<size_t>(body_bytes));
  CopyPairs(batch, kBatchNodes, &parsed.nodes);
  CopyPairs(batch, kBatchBuffers, &parsed.buffers);
  for (const IpcBuffer& buffer : parsed.buffers) {
    if (buffer.offset < 0 || buffer.length < 0 || buffer.offset > body_bytes ||
        buffer.length > body_bytes - buffer.offset) {
      return Corrupt("has a buffer outside its body");
    }
  }
  if (const auto* compression = batch->GetPointer<const flatbuffers::Table*>(kBatchCompression)) {
    const auto codec = compression->GetField<int8_t>(kCompressionCodec, 0);
    if (codec != 0 && codec != 1) return Corrupt("has an unknown compression");
    if (compression->GetField<int8_t>(kCompressionMethod, 0) != 0) {
      return Corrupt("has an unknown way of compressing");
    }
    parsed.compression = static_cast<IpcCompression>(codec);
  }
  return parsed;
}

std::optional<IpcNumbers> FindIpcNumbers(Bytes bytes, size_t columns) {
  constexpr int64_t kNumberBytes = 8;
  constexpr int64_t kPaddingBytesMax = 128;  // behind a column
  const auto parsed = ParseIpcRecordBatch(bytes);
  if (!parsed.ok() || parsed->has_more || parsed->compression.has_value() || parsed->length <= 0 ||
      parsed->nodes.size() != columns || parsed->buffers.size() != 2 * columns) {
    return std::nullopt;
  }
  IpcNumbers found;
  found.rows = parsed->length;
  found.message_bytes =
      static_cast<size_t>(parsed->body.data() - bytes.data()) + parsed->body.size();
  auto rest = static_cast<int64_t>(parsed->body.size());
  for (size_t i = 0; i < columns; ++i) {
    const IpcFieldNode& node = parsed->nodes[i];
    const IpcBuffer& validity = parsed->buffers[2 * i];
    const IpcBuffer& numbers = parsed->buffers[2 * i + 1];
    const std::byte* const at = parsed->body.data() + numbers.offset;
    if (node.length != found.rows || node.null_count != 0 || validity.length != 0 ||
        numbers.length / kNumberBytes < found.rows || numbers.offset % kNumberBytes != 0 ||
        reinterpret_cast<uintptr_t>(at) % kNumberBytes != 0) {
      return std::nullopt;
    }
    rest -= found.rows * kNumberBytes + kPaddingBytesMax;
    found.columns.push_back(at);
  }
  if (rest > 0) return std::nullopt;
  return found;
}

std::string WriteIpcMetadata(const IpcRecordBatch& batch, int64_t body_bytes) {
  flatbuffers::FlatBufferBuilder builder(256 + 16 * (batch.nodes.size() + batch.buffers.size()));
  const auto* nodes = reinterpret_cast<const Pair*>(batch.nodes.data());
  const auto* buffers = reinterpret_cast<const Pair*>(batch.buffers.data());
  const auto nodes_at = builder.CreateVectorOfStructs(nodes, batch.nodes.size());
  const auto buffers_at = builder.CreateVectorOfStructs(buffers, batch.buffers.size());
  flatbuffers::Offset<flatbuffers::Table> compression_at;
  if (batch.compression.has_value()) {
    const auto start = builder.StartTable();
    builder.AddElement<int8_t>(kCompressionCodec, static_cast<int8_t>(*batch.compression), 0);
    compression_at = builder.EndTable(start);
  }
  auto start = builder.StartTable();
  builder.AddElement<int64_t>(kBatchLength, batch.length, 0);
  builder.AddOffset(kBatchNodes, nodes_at);
  builder.AddOffset(kBatchBuffers, buffers_at);
  if (batch.compression.has_value()) builder.AddOffset(kBatchCompression, compression_at);
  const flatbuffers::Offset<flatbuffers::Table> batch_at = builder.EndTable(start);
  start = builder.StartTable();
  builder.AddElement<int64_t>(kMessageBodyLength, body_bytes, 0);
  builder.AddOffset(kMessageHeader, batch_at);
  builder.AddElement<int16_t>(kMessageVersion, batch.metadata_version, 0);
  builder.AddElement<uint8_t>(kMessageHeaderType, kHeaderTypeRecordBatch, 0);
  builder.Finish(flatbuffers::Offset<flatbuffers::Table>(builder.EndTable(start)));

  const size_t padded = (builder.GetSize() + 7) / 8 * 8;
  std::string out(kPrefixBytes + padded, '\0');
  StoreLe<uint32_t>(out.data(), kContinuation);
  StoreLe<int32_t>(out.data() + 4, static_cast<int32_t>(padded));
  std::memcpy(out.data() + kPrefixBytes, builder.GetBufferPointer(), builder.GetSize());
  return out;
}

Result<IpcShape> ShapeOf(const arrow::DataType& type) {
  IpcShape shape{.nodes = 1, .buffers = 0};
  switch (type.id()) {
    case arrow::Type::EXTENSION:
      return ShapeOf(*static_cast<const arrow::ExtensionType&>(type).storage_type());
    case arrow::Type::NA:
      break;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      shape.buffers = 3;
      break;
    case arrow::Type::STRUCT:
    case arrow::Type::FIXED_SIZE_LIST:
      shape.buffers = 1;
      break;
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::MAP:
      shape.buffers = 2;
      break;
    default:
      if (!arrow::is_fixed_width(type.id()) || type.id() == arrow::Type::DICTIONARY) {
        return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                     "a log batch cannot hold the type " + type.ToString());
      }
      shape.buffers = 2;
  }
  for (const auto& child : type.fields()) {
    ARROW_ASSIGN_OR_RAISE(const IpcShape inner, ShapeOf(*child->type()));
    shape.nodes += inner.nodes;
    shape.buffers += inner.buffers;
  }
  return shape;
}

}  // namespace firth::log
