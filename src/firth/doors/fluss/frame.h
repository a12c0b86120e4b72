// Frames: what stands in front of each request's and each answer's message. The connection's length
// prefix is net's.
//
//   request: int16 api key | int16 api version | int32 request id | message
//   answer : int8 type (0 success, 1 error) | int32 request id | message
//
// All big-endian. The protocol's third type, 2, carries no request id; the Rust clients read one
// all the same, so it is never sent.
#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "firth/common/bytes.h"

namespace firth::doors::fluss {

inline constexpr size_t kRequestHeaderBytes = 8;
inline constexpr size_t kAnswerHeaderBytes = 5;

struct RequestHeader {
  int16_t api_key = 0;
  int16_t api_version = 0;
  int32_t request_id = 0;
};

/// Read a request's header; false if the frame is too short to hold one.
bool ReadHeader(Bytes frame, RequestHeader* header);

/// The header of an answer that succeeded, for the message to be appended to.
std::string AnswerHeader(int32_t request_id);

/// A whole error answer.
std::string ErrorAnswer(int32_t request_id, int32_t code, std::string_view message);

/// `text` as a buffer, without a copy.
std::shared_ptr<arrow::Buffer> ToBuffer(std::string text);

}  // namespace firth::doors::fluss
