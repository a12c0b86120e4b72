#include "firth/table/series_record.h"

#include "firth/common/bytes.h"
#include "firth/common/text.h"

namespace firth::table {
namespace {

constexpr char kVersion = 1;

void AppendText(std::string_view text, std::string* bytes) {
  AppendVarint(bytes, text.size());
  bytes->append(text);
}

std::string TakeText(ByteReader* reader) {
  return std::string(AsText(reader->Take(reader->Varint())));
}

}  // namespace

std::string EncodeRecord(const SeriesInfo& info) {
  std::string bytes(1, kVersion);
  AppendVarint(&bytes, info.property_version);
  for (const auto& [key, value] : info.annotations) {
    AppendText(key, &bytes);
    bytes.push_back(value.has_value() ? 1 : 0);
    if (value.has_value()) AppendText(*value, &bytes);
  }
  return bytes;
}

Status DecodeRecord(std::string_view bytes, SeriesInfo* info) {
  ByteReader reader(AsBytes(bytes));
  const auto version = reader.Le<uint8_t>();
  info->property_version = reader.Varint();
  bool good = version == kVersion;
  while (good && reader.ok() && reader.remaining() > 0) {
    std::string key = TakeText(&reader);
    const auto has_value = reader.Le<uint8_t>();
    good = has_value <= 1;
    std::optional<std::string> value;
    if (has_value == 1) value = TakeText(&reader);
    info->annotations[std::move(key)] = std::move(value);
  }
  if (good && reader.ok()) return Status::OK();
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "what the catalog has of the series " + ToHex(info->id.view()) + " is no facts");
}

}  // namespace firth::table
