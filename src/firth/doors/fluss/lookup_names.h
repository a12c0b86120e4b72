// From the names and numbers in a request to the engine's things.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firth/doors/fluss/names.h"
#include "firth/doors/fluss/partition_keys.h"
#include "firth/doors/fluss/request.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

/// Is there a database of this name? The root, `_`, is always one.
Status CheckDatabase(const Request& request, const std::string& database);

/// The table, which has a current edition; else TableNotFound.
Result<table::TablePtr> FindTable(const Request& request, const TableNames& names);

/// A table as requests for its buckets name it: by id.
class TableById {
 public:
  /// Errors: kTableNotFound.
  static Result<TableById> Find(const Request& request, int64_t table_id);
  /// The same for one whose rows this server can take; else InvalidConfig.
  static Result<TableById> FindWritable(const Request& request, int64_t table_id);

  const table::TablePtr& table() const { return table_; }
  /// The bucket that a request means. Does not say that it exists: the engine does. Error
  /// kBucketNotFound for a partition where there is none, or none where there are some.
  Result<table::BucketRef> Bucket(std::optional<int64_t> partition_id, int32_t bucket) const;
  /// How keys of that partition are completed; nullopt where clients send whole keys. Error
  /// kBucketNotFound.
  Result<std::optional<PartitionKeys>> KeysOf(const Request& request, PartitionId partition) const;

 private:
  table::TablePtr table_;
  std::optional<PartitionId> only_partition_;  // of a table that is not partitioned
};

}  // namespace firth::doors::fluss
