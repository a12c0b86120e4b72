#include "firth/doors/fluss/frame.h"

#include <utility>

#include "firth/doors/fluss/wire.h"

namespace firth::doors::fluss {
namespace {

constexpr char kSuccess = 0;
constexpr char kError = 1;

}  // namespace

bool ReadHeader(Bytes frame, RequestHeader* header) {
  ByteReader reader(frame);
  header->api_key = reader.Be<int16_t>();
  header->api_version = reader.Be<int16_t>();
  header->request_id = reader.Be<int32_t>();
  return reader.ok();
}

std::string AnswerHeader(int32_t request_id) {
  std::string out(1, kSuccess);
  AppendBe(&out, request_id);
  return out;
}

std::string ErrorAnswer(int32_t request_id, int32_t code, std::string_view message) {
  std::string out(1, kError);
  AppendBe(&out, request_id);
  PutInt(&out, 1, code);
  PutText(&out, 2, message);
  return out;
}

std::shared_ptr<arrow::Buffer> ToBuffer(std::string text) {
  return arrow::Buffer::FromString(std::move(text));
}

}  // namespace firth::doors::fluss
