#include "firth/doors/flight/frame.h"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/impl/codegen/proto_buffer_reader.h>

#include <cstdint>
#include <utility>

#include "firth/common/bytes.h"

namespace firth::doors::flight {
namespace {

using google::protobuf::io::CodedInputStream;

// Field number and wire type (2: length and bytes), as protobuf writes them.
constexpr uint32_t TagOf(uint32_t field) {
  return field << 3 | 2;
}
constexpr uint32_t kDescriptor = TagOf(1);
constexpr uint32_t kHeader = TagOf(2);
constexpr uint32_t kAppMetadata = TagOf(3);
constexpr uint32_t kBody = TagOf(1000);

constexpr int64_t Padding(int64_t size) {
  return (8 - size % 8) % 8;
}
constexpr int64_t kMessageBytesMax = INT32_MAX;

void AppendTag(std::string* out, uint32_t tag, int64_t size) {
  AppendVarint(out, tag);
  AppendVarint(out, static_cast<uint64_t>(size));
}

void AppendField(std::string* out, uint32_t tag, std::string_view bytes) {
  if (bytes.empty()) return;
  AppendTag(out, tag, static_cast<int64_t>(bytes.size()));
  out->append(bytes);
}

/// A slice that keeps `buffer` alive until the socket has taken it.
grpc::Slice SliceOf(std::shared_ptr<arrow::Buffer> buffer) {
  auto* held = new std::shared_ptr<arrow::Buffer>(std::move(buffer));
  // gRPC asks for memory that may be written; it only reads a slice that it sends.
  auto* data = const_cast<uint8_t*>((*held)->data());
  return grpc::Slice(
      data, static_cast<size_t>((*held)->size()),
      [](void* user) { delete static_cast<std::shared_ptr<arrow::Buffer>*>(user); }, held);
}

bool ReadText(CodedInputStream* input, std::string* out) {
  uint32_t size = 0;
  return input->ReadVarint32(&size) && input->ReadString(out, static_cast<int>(size));
}

/// Read a field to memory of its own, which Arrow has aligned.
bool ReadBuffer(CodedInputStream* input, size_t bytes_max, std::shared_ptr<arrow::Buffer>* out) {
  uint32_t size = 0;
  if (!input->ReadVarint32(&size) || size > bytes_max) return false;
  auto allocated = arrow::AllocateBuffer(size);
  if (!allocated.ok()) return false;
  *out = std::move(*allocated);
  return input->ReadRaw((*out)->mutable_data(), static_cast<int>(size));
}

bool SkipField(CodedInputStream* input, uint32_t tag) {
  uint32_t size = 0;
  uint64_t number = 0;
  switch (tag & 7) {
    case 0:
      return input->ReadVarint64(&number);
    case 1:
      return input->Skip(8);
    case 2:
      return input->ReadVarint32(&size) && input->Skip(static_cast<int>(size));
    case 5:
      return input->Skip(4);
    default:
      return false;
  }
}

bool ReadFields(CodedInputStream* input, size_t bytes_max, Frame* out) {
  for (;;) {
    const uint32_t tag = input->ReadTag();
    bool read = false;
    switch (tag) {
      case 0:
        return input->ConsumedEntireMessage();
      case kDescriptor:
        read = ReadText(input, &out->descriptor);
        break;
      case kHeader:
        read = ReadBuffer(input, bytes_max, &out->header);
        break;
      case kAppMetadata:
        read = ReadText(input, &out->app_metadata);
        break;
      case kBody:
        out->has_body = true;
        out->body.resize(1);
        read = ReadBuffer(input, bytes_max, &out->body[0]);
        break;
      default:
        read = SkipField(input, tag);
    }
    if (!read) return false;
  }
}

}  // namespace

Frame FrameOf(const arrow::ipc::IpcPayload& payload) {
  Frame frame;
  frame.header = payload.metadata;
  frame.has_body = payload.type != arrow::ipc::MessageType::SCHEMA;
  for (const auto& buffer : payload.body_buffers) {
    if (buffer != nullptr && buffer->size() > 0) frame.body.push_back(buffer);
  }
  return frame;
}

grpc::Status SerializeFrame(const Frame& frame, grpc::ByteBuffer* out) {
  static const uint8_t kZeros[8] = {};
  int64_t body_bytes = 0;
  for (const auto& buffer : frame.body) body_bytes += buffer->size() + Padding(buffer->size());
  if (body_bytes > kMessageBytesMax) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            "one message holds at most 2147483647 bytes of rows; ask for fewer columns"};
  }
  std::string front;
  AppendField(&front, kDescriptor, frame.descriptor);
  if (frame.header != nullptr) {
    AppendField(&front, kHeader, std::string_view(*frame.header));
  }
  AppendField(&front, kAppMetadata, frame.app_metadata);
  if (frame.has_body) AppendTag(&front, kBody, body_bytes);

  std::vector<grpc::Slice> slices;
  slices.emplace_back(front);
  for (const auto& buffer : frame.body) {
    const auto padding = static_cast<size_t>(Padding(buffer->size()));
    slices.push_back(SliceOf(buffer));
    if (padding > 0) slices.emplace_back(kZeros, padding, grpc::Slice::STATIC_SLICE);
  }
  *out = grpc::ByteBuffer(slices.data(), slices.size());
  return grpc::Status::OK;
}

grpc::Status DeserializeFrame(grpc::ByteBuffer* bytes, Frame* out) {
  *out = Frame();
  const size_t size = bytes->Length();
  bool read = false;
  {
    grpc::ProtoBufferReader reader(bytes);
    if (reader.status().ok()) {
      CodedInputStream input(&reader);
      input.SetTotalBytesLimit(INT32_MAX);
      read = ReadFields(&input, size, out);
    }
  }
  bytes->Clear();
  return read ? grpc::Status::OK
              : grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                             "a message of the stream is not an Arrow Flight FlightData");
}

}  // namespace firth::doors::flight
