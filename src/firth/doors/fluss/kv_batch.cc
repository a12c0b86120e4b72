#include "firth/doors/fluss/kv_batch.h"

#include <string>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"

namespace firth::doors::fluss {
namespace {

Status Corrupt(const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kCorruptBatch, "the batch of rows " + what);
}

/// Read one record off the front.
Status ReadRecord(ByteReader* reader, table::UpsertRecord* out) {
  const auto length = reader->Le<int32_t>();
  if (length < 0) return Corrupt("has a record of negative length");
  ByteReader record(reader->Take(static_cast<size_t>(length)));
  const uint64_t key_bytes = record.Varint(32);
  out->key = AsText(record.Take(key_bytes));
  out->row = AsText(record.rest());
  if (!reader->ok() || !record.ok()) return Corrupt("has a record that is cut off");
  if (out->key.empty()) return Corrupt("has a record without a key");
  return Status::OK();
}

}  // namespace

Result<table::UpsertBatch> ReadKvBatch(const std::shared_ptr<arrow::Buffer>& batch) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(batch->data()),
                    static_cast<size_t>(batch->size()));
  if (bytes.size() < kKvHeaderBytes) return Corrupt("is shorter than its header");
  ByteReader reader(bytes);
  const auto length = reader.Le<int32_t>();
  if (length < 0 || static_cast<size_t>(length) != bytes.size() - sizeof(int32_t)) {
    return Corrupt("says to be of another length than it is, or is followed by another batch");
  }
  if (const auto magic = reader.Le<int8_t>(); magic != 0) {
    return Corrupt("has magic " + std::to_string(magic) + "; only 0 is served");
  }
  if (reader.Le<uint32_t>() != Crc32c(bytes.subspan(kKvChecksummedFrom))) {
    return Corrupt("does not match its checksum");
  }
  table::UpsertBatch out;
  out.schema_id = SchemaId(reader.Le<int16_t>());
  reader.Le<int8_t>();  // attributes
  out.writer_id = WriterId(reader.Le<int64_t>());
  out.sequence = reader.Le<int32_t>();
  const auto count = reader.Le<int32_t>();
  // A record has at least six bytes: its length, its key's length, and a key.
  if (count < 0 || static_cast<size_t>(count) > reader.remaining() / 6) {
    return Corrupt("says to have more records than it can hold");
  }
  out.records.resize(static_cast<size_t>(count));
  for (auto& record : out.records) ARROW_RETURN_NOT_OK(ReadRecord(&reader, &record));
  if (reader.remaining() > 0) return Corrupt("has bytes after its last record");
  out.owner = batch;
  return out;
}

}  // namespace firth::doors::fluss
