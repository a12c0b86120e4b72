#include "firth/doors/fluss/partition_keys.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/doors/fluss/partition_value.h"
#include "firth/schema/row.h"

namespace firth::doors::fluss {
namespace {

constexpr int kCompactDecimalDigits = 18;

Status Corrupt(const char* what) {
  return Error(Code::kInvalidArgument, Reason::kCorruptBatch, std::string("a key ") + what);
}

/// Pass over one column's value; the layout is in schema/row.h.
Status Skip(const arrow::DataType& type, ByteReader* reader) {
  switch (type.id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::UINT8:
      reader->Take(1);
      break;
    case arrow::Type::INT16:
    case arrow::Type::UINT16:
      reader->Take(2);
      break;
    case arrow::Type::FLOAT:
      reader->Take(4);
      break;
    case arrow::Type::DOUBLE:
      reader->Take(8);
      break;
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
    case arrow::Type::DATE64:
    case arrow::Type::DURATION:
      reader->Varint();
      break;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      reader->Take(reader->Varint(32));
      break;
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      if (static_cast<const arrow::DecimalType&>(type).precision() <= kCompactDecimalDigits) {
        reader->Varint();
      } else {
        reader->Take(reader->Varint(32));
      }
      break;
    case arrow::Type::TIMESTAMP:
      reader->Varint();
      if (static_cast<const arrow::TimestampType&>(type).unit() > arrow::TimeUnit::MILLI) {
        reader->Varint(32);
      }
      break;
    default:
      return Corrupt("column has a type that compact keys do not hold");
  }
  return reader->ok() ? Status::OK() : Corrupt("is cut off within a column");
}

/// One value as it stands in a compact key.
Result<std::string> CompactBytes(const arrow::Scalar& value) {
  ARROW_ASSIGN_OR_RAISE(const auto array, arrow::MakeArrayFromScalar(value, 1));
  const auto batch =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("v", value.type)}), 1, {array});
  std::vector<std::string> keys(1);
  ARROW_RETURN_NOT_OK(schema::AppendCompactKey(*batch, {0}, &keys));
  return std::move(keys[0]);
}

/// Keeps keys that were made anew, beside the buffer that the rows lie in.
class KeysAndRows : public arrow::Buffer {
 public:
  KeysAndRows(std::deque<std::string> keys, std::shared_ptr<arrow::Buffer> rows)
      : arrow::Buffer(rows->data(), rows->size()), keys_(std::move(keys)), rows_(std::move(rows)) {}

 private:
  const std::deque<std::string> keys_;
  const std::shared_ptr<arrow::Buffer> rows_;
};

}  // namespace

Result<PartitionKeys> PartitionKeys::Make(const catalog::EditionInfo& edition,
                                          const catalog::PartitionInfo& partition) {
  PartitionKeys keys;
  const auto& by = edition.spec.partition_by;
  for (const std::string& name : edition.spec.key) {
    const auto field = edition.newest().schema->GetFieldByName(name);
    FIRTH_CHECK(field != nullptr);
    Column column{.type = field->type()};
    const auto found = std::ranges::find(by, name);
    if (found != by.end()) {
      const auto i = static_cast<size_t>(found - by.begin());
      if (i >= partition.values.size()) {
        return Error(Code::kInternal, Reason::kInvalidPartition, "a partition lacks a value");
      }
      ARROW_ASSIGN_OR_RAISE(const auto value,
                            ParsePartitionValue(column.type, partition.values[i]));
      column.of_partition = true;
      ARROW_ASSIGN_OR_RAISE(column.bytes, CompactBytes(*value));
    }
    keys.columns_.push_back(std::move(column));
  }
  return keys;
}

Result<std::string> PartitionKeys::Full(std::string_view key, bool prefix) const {
  std::string full;
  ByteReader reader(AsBytes(key));
  for (const Column& column : columns_) {
    if (column.of_partition) {
      full += column.bytes;
      continue;
    }
    if (prefix && reader.remaining() == 0) break;
    const std::string_view from = AsText(reader.rest());
    ARROW_RETURN_NOT_OK(Skip(*column.type, &reader));
    full += from.substr(0, from.size() - reader.remaining());
  }
  if (reader.remaining() > 0) return Corrupt("has bytes after its last column");
  return full;
}

Status PartitionKeys::Rewrite(table::UpsertBatch* batch) const {
  std::deque<std::string> keys;  // whose strings never move
  for (table::UpsertRecord& record : batch->records) {
    ARROW_ASSIGN_OR_RAISE(std::string full, Full(record.key, /*prefix=*/false));
    keys.push_back(std::move(full));
    record.key = keys.back();
  }
  batch->owner = std::make_shared<KeysAndRows>(std::move(keys), std::move(batch->owner));
  return Status::OK();
}

}  // namespace firth::doors::fluss
