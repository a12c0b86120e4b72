// Rows that clients write to tables with types that the protocol lacks: they come in the nearest
// types that it has, and are made those of the table. The inverse of value_shape.h and
// batch_shape.h.
#pragma once

#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/compression.h>

#include <map>
#include <memory>

#include "firth/common/status.h"
#include "firth/doors/fluss/served_keys.h"
#include "firth/schema/row.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

/// For one table. Immutable.
class WriteShape {
 public:
  /// Error: code 15 for a keyed table of several buckets whose bucket columns have such types:
  /// clients would send its rows to other buckets than those that they belong to.
  static Result<WriteShape> Make(const table::TablePtr& table);

  /// Is there anything to be made anew?
  bool Remakes() const { return !remade_.empty() || keys_ != nullptr; }
  /// Make the rows and keys of a batch the table's. Hostile bytes. Errors: kCorruptBatch; kBadValue
  /// for a value that the table's type does not hold.
  Status Remake(table::UpsertBatch* batch) const;
  /// The same for a batch of a table without a key.
  Result<std::shared_ptr<arrow::Buffer>> Remake(const std::shared_ptr<arrow::Buffer>& batch) const;

 private:
  struct Types {
    std::shared_ptr<arrow::Schema> sent;
    std::shared_ptr<arrow::Schema> stored;
    std::shared_ptr<const schema::RowCodec> sent_rows;  // of a keyed table
    std::shared_ptr<const schema::RowCodec> stored_rows;
  };

  Result<std::shared_ptr<arrow::RecordBatch>> Cast(const Types& types,
                                                   const arrow::RecordBatch& rows) const;

  arrow::Compression::type compression_ = arrow::Compression::UNCOMPRESSED;
  std::map<SchemaId, Types> remade_;  // of the schemas that the protocol lacks types of
  std::shared_ptr<const ServedKeys> keys_;
};

}  // namespace firth::doors::fluss
