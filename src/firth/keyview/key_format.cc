#include "firth/keyview/key_format.h"

namespace firth::keyview {

void AppendRow(const Row& row, std::string* out) {
  FIRTH_CHECK(row.value.size() >= kSchemaIdBytes);
  AppendLe(out, row.record_time_ns);
  AppendLe(out, row.commit.value);
  AppendLe(out, kRowFlags);
  out->append(row.value);
}

Result<Row> ParseRow(std::string_view stored) {
  ByteReader reader(AsBytes(stored));
  Row row;
  row.record_time_ns = reader.Le<int64_t>();
  row.commit = CommitId(reader.Le<int64_t>());
  const auto flags = reader.Le<uint8_t>();
  if (!reader.ok() || flags != kRowFlags || reader.remaining() < kSchemaIdBytes) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the key view holds a row of " + std::to_string(stored.size()) +
                     " bytes that is not whole");
  }
  row.value = AsText(reader.rest());
  return row;
}

}  // namespace firth::keyview
