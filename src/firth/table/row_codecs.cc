#include "firth/table/row_codecs.h"

#include "firth/common/bytes.h"
#include "firth/schema/schema.h"

namespace firth::table {
namespace {

// Codecs are small and quick to make; when there are this many, all are made again as they are
// used.
constexpr size_t kCodecsMax = 10'000;

Result<RowCodecsPtr> Make(const catalog::EditionInfo& edition, SchemaId id) {
  const catalog::SchemaInfo* info = edition.FindSchema(id);
  if (info == nullptr) {
    return Error(Code::kNotFound, Reason::kSchemaNotFound,
                 "the table has no schema " + std::to_string(id.value) + "; its newest is " +
                     std::to_string(edition.newest().id.value));
  }
  auto codecs = std::make_shared<RowCodecs>();
  codecs->schema_id = id;
  codecs->schema = info->schema;
  ARROW_ASSIGN_OR_RAISE(codecs->key_columns,
                        schema::ColumnIndices(*info->schema, edition.spec.key));
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (const int column : codecs->key_columns) types.push_back(info->schema->field(column)->type());
  ARROW_ASSIGN_OR_RAISE(codecs->row, schema::RowCodec::Make(info->schema));
  ARROW_ASSIGN_OR_RAISE(auto compact, schema::CompactKeyCodec::Make(types));
  codecs->compact_key = std::make_unique<const schema::CompactKeyCodec>(std::move(compact));
  ARROW_ASSIGN_OR_RAISE(auto key, schema::KeyEncoder::Make(types));
  codecs->key = std::make_unique<const schema::KeyEncoder>(std::move(key));
  return codecs;
}

}  // namespace

Result<RowCodecsPtr> RowCodecsCache::Get(const catalog::EditionInfo& edition, SchemaId schema) {
  const auto key = std::pair(edition.id, schema);
  {
    std::lock_guard lock(mutex_);
    const auto found = codecs_.find(key);
    if (found != codecs_.end()) return found->second;
  }
  ARROW_ASSIGN_OR_RAISE(RowCodecsPtr made, Make(edition, schema));
  std::lock_guard lock(mutex_);
  if (codecs_.size() >= kCodecsMax) codecs_.clear();
  codecs_[key] = made;
  return made;
}

Result<std::string> RowUnder(const catalog::EditionInfo& edition, RowCodecsCache* cache,
                             const RowCodecs& to, std::string_view value) {
  if (value.size() < 2) {
    return Error(Code::kDataLoss, Reason::kCorruptBatch, "a stored row is cut off");
  }
  const SchemaId id(LoadLe<int16_t>(value.data()));
  const std::string_view row = value.substr(2);
  if (id == to.schema_id) return std::string(row);
  ARROW_ASSIGN_OR_RAISE(const RowCodecsPtr from, cache->Get(edition, id));
  ARROW_ASSIGN_OR_RAISE(const auto decoded, from->row->Decode({row}));
  ARROW_ASSIGN_OR_RAISE(const auto widened, schema::Project(*decoded, to.schema));
  std::vector<std::string> rows;
  ARROW_RETURN_NOT_OK(to.row->Encode(*widened, &rows));
  return std::move(rows.front());
}

std::string ValueOf(SchemaId schema, std::string_view row) {
  std::string value;
  value.reserve(row.size() + 2);
  AppendLe(&value, static_cast<int16_t>(schema.value));
  value += row;
  return value;
}

}  // namespace firth::table
