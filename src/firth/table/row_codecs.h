// The codecs of an edition's rows and keys, made once and kept.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/schema/compact_key.h"
#include "firth/schema/key.h"
#include "firth/schema/row.h"

namespace firth::table {

/// How rows of one schema of a keyed edition are read and written. Immutable.
struct RowCodecs {
  SchemaId schema_id;
  std::shared_ptr<arrow::Schema> schema;
  std::vector<int> key_columns;  // in key order
  std::shared_ptr<const schema::RowCodec> row;
  std::unique_ptr<const schema::CompactKeyCodec> compact_key;
  std::unique_ptr<const schema::KeyEncoder> key;
};
using RowCodecsPtr = std::shared_ptr<const RowCodecs>;

/// Thread-safe.
class RowCodecsCache {
 public:
  /// The codecs of a keyed edition's schema. Error kSchemaNotFound.
  Result<RowCodecsPtr> Get(const catalog::EditionInfo& edition, SchemaId schema);

 private:
  std::mutex mutex_;
  std::map<std::pair<EditionId, SchemaId>, RowCodecsPtr> codecs_;  // guarded by mutex_
};

/// A stored value (schema id and compact row) as a compact row of `to`: as it is when it has that
/// schema, else widened.
Result<std::string> RowUnder(const catalog::EditionInfo& edition, RowCodecsCache* cache,
                             const RowCodecs& to, std::string_view value);

/// A stored value: the schema id in front of a compact row.
std::string ValueOf(SchemaId schema, std::string_view row);

}  // namespace firth::table
