// One message of a stream of rows (FlightData), with its Arrow buffers as they lie in memory: a
// sent frame's buffers go to the socket without a copy, a received one's body is copied once, to
// aligned memory.
#pragma once

#include <arrow/buffer.h>
#include <arrow/ipc/writer.h>
#include <grpcpp/impl/codegen/serialization_traits.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <vector>

namespace firth::doors::flight {

struct Frame {
  std::string descriptor;  // a serialized FlightDescriptor; only on a put's first frame
  std::shared_ptr<arrow::Buffer> header;  // an Arrow IPC message's metadata; null: none
  std::string app_metadata;
  bool has_body = false;
  std::vector<std::shared_ptr<arrow::Buffer>> body;  // each is padded to 8 bytes on the wire
};

/// The frame that carries an Arrow IPC message.
Frame FrameOf(const arrow::ipc::IpcPayload& payload);

/// Write `frame` as a FlightData message whose slices refer to its buffers.
grpc::Status SerializeFrame(const Frame& frame, grpc::ByteBuffer* out);
/// Read a FlightData message. Takes hostile bytes.
grpc::Status DeserializeFrame(grpc::ByteBuffer* bytes, Frame* out);

}  // namespace firth::doors::flight

namespace grpc {

template <>
class SerializationTraits<firth::doors::flight::Frame> {
 public:
  static Status Serialize(const firth::doors::flight::Frame& frame, ByteBuffer* out, bool* own) {
    *own = true;
    return firth::doors::flight::SerializeFrame(frame, out);
  }
  static Status Deserialize(ByteBuffer* bytes, firth::doors::flight::Frame* out) {
    return firth::doors::flight::DeserializeFrame(bytes, out);
  }
};

}  // namespace grpc
