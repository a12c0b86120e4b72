// Rows and keys as producers of keyed tables send them: every decoder of the room schema, and what
// the Fluss door reads around them.
// With: common/* schema/* doors/fluss/wire doors/fluss/kv_batch
#include <arrow/api.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "firth/common/checksum.h"
#include "firth/doors/fluss/kv_batch.h"
#include "firth/doors/fluss/wire.h"
#include "firth/schema/compact_key.h"
#include "firth/schema/key.h"
#include "firth/schema/row.h"

using namespace firth;  // NOLINT: a program of one function

namespace {

using Types = std::vector<std::shared_ptr<arrow::DataType>>;

const Types& TypesOf(uint8_t choice) {
  static const Types kTypes[] = {
      {arrow::int32(), arrow::utf8()},
      {arrow::int64(), arrow::boolean(), arrow::int8()},
      {arrow::binary(), arrow::decimal128(20, 3), arrow::float64()},
      {arrow::timestamp(arrow::TimeUnit::MICRO), arrow::date32(), arrow::fixed_size_binary(4)},
      {arrow::list(arrow::utf8()), arrow::map(arrow::utf8(), arrow::int32())},
      {arrow::struct_(
          {arrow::field("x", arrow::int16()), arrow::field("y", arrow::list(arrow::int64()))})},
  };
  return kTypes[choice % 6];
}

void ReadRow(const std::string& text, uint8_t choice) {
  arrow::FieldVector fields;
  for (const auto& type : TypesOf(choice)) fields.push_back(arrow::field("f", type));
  const auto codec = schema::RowCodec::Make(arrow::schema(fields));
  if (!codec.ok()) return;
  const bool fits = (*codec)->Check(text).ok();
  const auto rows = (*codec)->Decode({text});
  // What the check lets pass can be read, and what is read is valid.
  if (fits && !rows.ok()) __builtin_trap();
  if (rows.ok() && !(*rows)->ValidateFull().ok()) __builtin_trap();
}

void ReadKeys(const std::string& text, uint8_t choice) {
  const auto compact = schema::CompactKeyCodec::Make(TypesOf(choice));
  if (compact.ok()) {
    std::string canonical;
    static_cast<void>(compact->ToCanonical(text, /*prefix=*/false, &canonical));
    canonical.clear();
    static_cast<void>(compact->ToCanonical(text, /*prefix=*/true, &canonical));
  }
  const auto keys = schema::KeyEncoder::Make(TypesOf(choice));
  if (keys.ok()) static_cast<void>(keys->Decode(text));
}

void ReadUpserts(std::string text) {
  constexpr size_t kChecksumAt = 5;
  if (text.size() > doors::fluss::kKvHeaderBytes) {
    const auto length = static_cast<int32_t>(text.size() - 4);
    std::memcpy(text.data(), &length, 4);
    const uint32_t crc =
        Crc32c(AsBytes(std::string_view(text).substr(doors::fluss::kKvChecksummedFrom)));
    std::memcpy(text.data() + kChecksumAt, &crc, 4);
  }
  static_cast<void>(doors::fluss::ReadKvBatch(arrow::Buffer::FromString(std::move(text))));
}

/// A message of any shape, read in each way that there is.
void ReadMessage(Bytes message, int depth) {
  doors::fluss::WireReader reader(message);
  while (reader.Next()) {
    switch (reader.field() % 4) {
      case 0:
        static_cast<void>(reader.Int64());
        break;
      case 1:
        reader.Numbers([](int64_t) {});
        break;
      case 2:
        static_cast<void>(reader.Run());
        break;
      default:
        if (depth < 8) ReadMessage(reader.Run(), depth + 1);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 5) {
    case 0:
    case 1:
      ReadRow(text, data[1]);
      break;
    case 2:
      ReadKeys(text, data[1]);
      break;
    case 3:
      ReadUpserts(std::move(text));
      break;
    default:
      ReadMessage(AsBytes(text), 0);
  }
  return 0;
}
