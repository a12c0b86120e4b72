// Stored batches as one client is to get them: nearly always the stored bytes, or some of their
// columns' bytes; made anew only where the client could not read them.
#pragma once

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <memory>
#include <optional>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/log/entry.h"

namespace firth::doors::fluss {

/// What one client wants of one table's batches. Immutable.
class BatchShape {
 public:
  struct Options {
    /// Columns of the newest schema, ascending; absent: all.
    std::optional<std::vector<int>> columns;
    /// The client finds out about older schemas by itself; else it gets their rows under the
    /// newest.
    bool reads_older_schemas = true;
  };

  /// Error: columns that the table does not have, or not ascending (code 34).
  static Result<BatchShape> Make(const catalog::TablePtr& table, Options options);

  /// The batch for one entry; null for an entry that has no rows to show. Errors: kCorruptBatch,
  /// and kUnimplemented for an entry that holds no batch.
  Result<std::shared_ptr<arrow::Buffer>> Of(const log::StoredEntry& entry) const;

 private:
  BatchShape(catalog::TablePtr table, Options options)
      : table_(std::move(table)), options_(std::move(options)) {}

  /// May the columns be taken over from a batch of `source` as they are?
  bool CanSlice(const arrow::Schema& source) const;
  Result<std::shared_ptr<arrow::Buffer>> Remake(const log::StoredEntry& entry,
                                                const catalog::SchemaInfo& source,
                                                const catalog::SchemaInfo& target) const;

  catalog::TablePtr table_;
  Options options_;
};

/// Rows with their columns cast to the types that the protocol has for them.
Result<std::shared_ptr<arrow::RecordBatch>> CastToServed(const arrow::RecordBatch& rows);

}  // namespace firth::doors::fluss
