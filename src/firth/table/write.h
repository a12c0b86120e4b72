// A write to several tables at once, and what may ride with it.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/ids.h"

namespace firth::table {

/// Names one request, so that sending it again has no second effect. Remembered for
/// `kOperationsKeptNs` at least.
struct Operation {
  std::string scope;         // whose ids: a door, a client, a queue; without '/'
  std::string id;            // unique in the scope
  std::string payload_hash;  // of what was asked: another payload under the same id is refused
  std::string result;        // what a repeat is told, besides the commit
};

inline constexpr int64_t kOperationsKeptNs = int64_t{7} * 24 * 3600 * 1'000'000'000;

/// Rows for one table.
struct TableWrite {
  enum class Kind {
    kAppend,  // to a table without a key
    kUpsert,  // columns that are absent from the rows keep what they hold
    kDelete,  // the rows whose key equals that of a row here
  };
  catalog::TablePtr table;
  Kind kind = Kind::kAppend;
  std::vector<std::shared_ptr<arrow::RecordBatch>> rows;
};

struct WriteOptions {
  std::optional<Operation> operation;
  std::vector<catalog::ValueChange> values;  // made in the same commit
  bool create_partitions = true;
  int32_t bucket_otherwise = 0;  // of appended rows, where no column chooses the bucket
};

struct WriteResult {
  CommitId commit;        // of a repeat: the first one's
  bool repeated = false;  // the operation had been done before; nothing was written now
  std::string result;     // of the operation, as it was given the first time
};

}  // namespace firth::table
