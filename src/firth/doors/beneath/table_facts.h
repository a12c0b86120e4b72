// What this door knows of a table: what its attribute says, or, of another door's table, what its
// columns do.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "firth/doors/beneath/avro_codec.h"
#include "firth/doors/beneath/facts.h"
#include "firth/schema/key.h"
#include "firth/schema/row.h"
#include "firth/table/database.h"

namespace firth::doors::beneath {

/// The attribute that holds them, as JSON.
inline constexpr char kTableAttribute[] = "beneath.table";

/// Immutable; made once for each table and change of it.
struct TableFacts {
  Json record;  // as in the attribute; of a foreign table made from its columns
  bool foreign = false;
  TypePtr type;
  std::vector<std::string> key;
  std::shared_ptr<const RecordEncoder> encoder;
  std::shared_ptr<const schema::KeyEncoder> key_encoder;  // null where there is no key
  bool use_index = true;
  bool use_warehouse = true;
  int64_t log_retention_ms = 0;  // 0: for ever
  int64_t index_retention_ms = 0;
  int64_t warehouse_retention_ms = 0;

  /// Codecs of rows as the key view holds them, by schema.
  std::map<SchemaId, std::shared_ptr<const schema::RowCodec>> codecs;

  Result<std::shared_ptr<const schema::RowCodec>> CodecOf(SchemaId schema) const {
    const auto found = codecs.find(schema);
    if (found != codecs.end()) return found->second;
    return Error(Code::kDataLoss, Reason::kSchemaNotFound, "a row's schema is missing");
  }
  bool HasKey() const { return key_encoder != nullptr; }
};
using TableFactsPtr = std::shared_ptr<const TableFacts>;

/// Facts by table, made when first asked for. Thread-safe.
class TableFactsCache {
 public:
  /// Of the edition in `table`.
  Result<TableFactsPtr> Get(const table::TableInfo& table);

 private:
  struct Held {
    std::string attribute;
    SchemaId schema;
    TableFactsPtr facts;
    std::list<EditionId>::iterator used;
  };
  std::mutex mutex_;
  std::map<EditionId, Held> held_;  // guarded by mutex_
  std::list<EditionId> order_;      // guarded by mutex_; the last used one first
};

}  // namespace firth::doors::beneath
