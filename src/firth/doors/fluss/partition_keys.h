// Keys of partitioned keyed tables. Clients leave the partition columns out of key bytes, since the
// partition says them; the engine's keys have all key columns. This puts them in.
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

/// The key columns of one partition: which are said by it. Immutable.
class PartitionKeys {
 public:
  /// Errors: kInvalidPartition if the partition's values cannot be read as the columns' types.
  static Result<PartitionKeys> Make(const catalog::EditionInfo& edition,
                                    const catalog::PartitionInfo& partition);

  /// The engine's key for a client's compact one. With `prefix` the client's key may end early,
  /// after a whole column; the result then ends before the first column that is missing. Hostile
  /// bytes; error kCorruptBatch.
  Result<std::string> Full(std::string_view key, bool prefix) const;

  /// Rewrite the keys of a batch, whose owner then keeps them too.
  Status Rewrite(table::UpsertBatch* batch) const;

 private:
  struct Column {
    std::shared_ptr<arrow::DataType> type;
    bool of_partition = false;
    std::string bytes;  // compact, if the partition says it
  };

  std::vector<Column> columns_;  // in key order
};

}  // namespace firth::doors::fluss
