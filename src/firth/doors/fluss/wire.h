// Protobuf's wire format by hand, for the two hot requests: a batch in a ProduceLog request stays a
// slice of its frame, and the batches of a FetchLog answer are sent from where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "firth/common/bytes.h"

namespace firth::doors::fluss {

/// Walk the fields of one message. Takes hostile bytes: a field that is cut off, has number 0 or an
/// outdated wire type ends the walk and makes ok() false. Numbers and runs that do not fit the type
/// that is asked for do the same.
class WireReader {
 public:
  explicit WireReader(Bytes message) : rest_(message) {}

  /// Go to the next field; false at the end and after a fault.
  bool Next();
  uint32_t field() const { return field_; }
  /// The field's number, as int64 or int32 (truncated, as protobuf does).
  int64_t Int64();
  int32_t Int32() { return static_cast<int32_t>(Int64()); }
  bool Bool() { return Int64() != 0; }
  /// The field's bytes, a view into the message.
  Bytes Run();
  /// Call `take(int64_t)` for a repeated number, whether it is packed or not.
  template <typename Take>
  void Numbers(Take take) {
    if (type_ == kVarint) return take(Int64());
    ByteReader packed(Run());
    while (packed.ok() && packed.remaining() > 0) {
      const auto value = static_cast<int64_t>(packed.Varint());
      if (packed.ok()) take(value);
    }
    if (!packed.ok()) ok_ = false;
  }
  bool ok() const { return ok_ && rest_.ok(); }

 private:
  enum : uint32_t { kVarint = 0, kFixed64 = 1, kRun = 2, kFixed32 = 5 };

  ByteReader rest_;
  uint32_t field_ = 0;
  uint32_t type_ = 0;
  uint64_t number_ = 0;
  Bytes run_;
  bool ok_ = true;
};

/// Append a field to a message.
void PutInt(std::string* out, uint32_t field, int64_t value);
void PutText(std::string* out, uint32_t field, std::string_view text);
/// Append the head of a field whose `bytes` bytes follow.
void PutRunHead(std::string* out, uint32_t field, size_t bytes);
/// How long PutRunHead's output is.
size_t RunHeadBytes(uint32_t field, size_t bytes);

}  // namespace firth::doors::fluss
