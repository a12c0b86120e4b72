#include "firth/format/avro.h"

#include "firth/common/status.h"

namespace firth::format {
namespace {

constexpr std::string_view kMagic("Obj\x01", 4);
constexpr size_t kSyncBytes = 16;

}  // namespace

void AvroEncoder::Long(int64_t value) {
  // Zigzag, then seven bits a byte, least first.
  uint64_t left = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  while (left >= 0x80) {
    bytes_ += static_cast<char>(left | 0x80);
    left >>= 7;
  }
  bytes_ += static_cast<char>(left);
}

void AvroEncoder::Text(std::string_view value) {
  Long(static_cast<int64_t>(value.size()));
  bytes_ += value;
}

std::string AvroFile(std::string_view schema_json,
                     const std::map<std::string, std::string>& metadata, int64_t count,
                     const std::string& records, std::string_view sync) {
  FIRTH_CHECK(sync.size() == kSyncBytes);
  AvroEncoder file;
  file.Fixed(kMagic);
  file.Long(static_cast<int64_t>(metadata.size()) + 2);
  file.Text("avro.schema");
  file.Text(schema_json);
  file.Text("avro.codec");
  file.Text("null");
  for (const auto& [name, value] : metadata) {
    file.Text(name);
    file.Text(value);
  }
  file.Long(0);
  file.Fixed(sync);
  if (count > 0) {
    file.Long(count);
    file.Text(records);
    file.Fixed(sync);
  }
  return file.bytes();
}

}  // namespace firth::format
