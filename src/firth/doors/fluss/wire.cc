#include "firth/doors/fluss/wire.h"

namespace firth::doors::fluss {
namespace {

size_t VarintBytes(uint64_t value) {
  size_t count = 1;
  for (; value >= 0x80; value >>= 7) ++count;
  return count;
}

}  // namespace

bool WireReader::Next() {
  if (!ok() || rest_.remaining() == 0) return false;
  const uint64_t tag = rest_.Varint(35);
  field_ = static_cast<uint32_t>(tag >> 3);
  type_ = static_cast<uint32_t>(tag & 7);
  number_ = 0;
  run_ = {};
  switch (type_) {
    case kVarint:
      number_ = rest_.Varint();
      break;
    case kFixed64:
      rest_.Take(8);
      break;
    case kRun:
      run_ = rest_.Take(rest_.Varint());
      break;
    case kFixed32:
      rest_.Take(4);
      break;
    default:
      ok_ = false;
  }
  if (field_ == 0 || tag > UINT32_MAX) ok_ = false;
  return ok();
}

int64_t WireReader::Int64() {
  if (type_ != kVarint) ok_ = false;
  return static_cast<int64_t>(number_);
}

Bytes WireReader::Run() {
  if (type_ != kRun) ok_ = false;
  return run_;
}

void PutInt(std::string* out, uint32_t field, int64_t value) {
  AppendVarint(out, field << 3);
  AppendVarint(out, static_cast<uint64_t>(value));
}

void PutText(std::string* out, uint32_t field, std::string_view text) {
  PutRunHead(out, field, text.size());
  out->append(text);
}

void PutRunHead(std::string* out, uint32_t field, size_t bytes) {
  AppendVarint(out, field << 3 | 2);
  AppendVarint(out, bytes);
}

size_t RunHeadBytes(uint32_t field, size_t bytes) {
  return VarintBytes(field << 3 | 2) + VarintBytes(bytes);
}

}  // namespace firth::doors::fluss
