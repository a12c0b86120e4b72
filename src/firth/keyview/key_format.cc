#include "firth/keyview/key_format.h"

namespace firth::keyview {

void AppendRow(const Row& row, std::string* out) {
  FIRTH_CHECK(row.value.size() >= kSchemaIdBytes);
  AppendLe(out, row.record_time_ns);
  AppendLe(out, row.commit.value);
  AppendLe(out, kRowFlags);
  out->append(row.value);
}

Status CheckRow(std::string_view stored) {
  if (stored.size() >= kRowHeaderBytes + kSchemaIdBytes &&
      static_cast<uint8_t>(stored[kRowHeaderBytes - 1]) == kRowFlags) {
    return Status::OK();
  }
  return Error(
      Code::kDataLoss, Reason::kChecksumMismatch,
      "the key view holds a row of " + std::to_string(stored.size()) + " bytes that is not whole");
}

Result<Row> ParseRow(std::string_view stored) {
  ARROW_RETURN_NOT_OK(CheckRow(stored));
  ByteReader reader(AsBytes(stored));
  Row row;
  row.record_time_ns = reader.Le<int64_t>();
  row.commit = CommitId(reader.Le<int64_t>());
  row.value = stored.substr(kRowHeaderBytes);
  return row;
}

}  // namespace firth::keyview
