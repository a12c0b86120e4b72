#include "sim/rows.h"

#include <arrow/array.h>
#include <arrow/builder.h>

#include "firth/schema/compact_key.h"
#include "firth/schema/row.h"

namespace firth::sim {

std::shared_ptr<arrow::Schema> PairSchema() {
  return arrow::schema({arrow::field("k", arrow::int32()), arrow::field("v", arrow::utf8())});
}

std::shared_ptr<arrow::RecordBatch> Pairs(const std::vector<Row>& rows) {
  arrow::Int32Builder k;
  arrow::StringBuilder v;
  for (const auto& [key, value] : rows) {
    FIRTH_CHECK(k.Append(key).ok() && v.Append(value).ok());
  }
  return arrow::RecordBatch::Make(PairSchema(), static_cast<int64_t>(rows.size()),
                                  {*k.Finish(), *v.Finish()});
}

std::shared_ptr<arrow::RecordBatch> WithNulls(const std::shared_ptr<arrow::RecordBatch>& pairs,
                                              const arrow::Schema& schema) {
  auto columns = pairs->columns();
  for (int c = 2; c < schema.num_fields(); ++c) {
    columns.push_back(*arrow::MakeArrayOfNull(schema.field(c)->type(), pairs->num_rows()));
  }
  return arrow::RecordBatch::Make(arrow::schema(schema.fields()), pairs->num_rows(), columns);
}

Result<table::UpsertBatch> UpsertBatchOf(const table::TableInfo& table,
                                         const std::vector<Row>& rows) {
  struct Bytes {
    std::vector<std::string> rows;
    std::vector<std::string> keys;
  };
  const auto bytes = std::make_shared<Bytes>();
  const auto& newest = table.current->newest();
  const auto batch = WithNulls(Pairs(rows), *newest.schema);
  ARROW_ASSIGN_OR_RAISE(const auto codec, schema::RowCodec::Make(newest.schema));
  bytes->keys.resize(rows.size());
  ARROW_RETURN_NOT_OK(codec->Encode(*batch, &bytes->rows));
  ARROW_RETURN_NOT_OK(schema::AppendCompactKey(*batch, {0}, &bytes->keys));
  // The records point into one buffer, which the batch keeps.
  std::string all;
  for (size_t i = 0; i < rows.size(); ++i) all += bytes->keys[i] + bytes->rows[i];
  table::UpsertBatch made;
  made.schema_id = newest.id;
  made.owner = arrow::Buffer::FromString(std::move(all));
  std::string_view rest(*made.owner);
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t key = bytes->keys[i].size();
    const size_t row = bytes->rows[i].size();
    made.records.push_back({.key = rest.substr(0, key), .row = rest.substr(key, row)});
    rest.remove_prefix(key + row);
  }
  return made;
}

std::string FileOf(const std::vector<Row>& rows) {
  std::string text;
  for (const auto& [key, value] : rows) {
    text += "{\"k\": " + std::to_string(key) + ", \"v\": \"" + value + "\"}\n";
  }
  return text;
}

}  // namespace firth::sim
