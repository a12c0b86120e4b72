// Where lookups go: what is known of the buckets of keyed tables that were asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/doors/fluss/known.h"
#include "firth/doors/fluss/partition_keys.h"
#include "firth/doors/fluss/request.h"
#include "firth/doors/fluss/served_keys.h"
#include "firth/doors/fluss/value_shape.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

/// A bucket as requests name it.
struct BucketName {
  int64_t table = 0;
  std::optional<int64_t> partition;
  int32_t bucket = 0;

  auto operator<=>(const BucketName&) const = default;
};

/// What is known of it. Immutable.
struct LookupPlace {
  table::TablePtr table;
  table::BucketRef where;
  /// Where to look. Clients choose a bucket by the bytes of their keys: where those are not the
  /// table's own, a row may be in any bucket.
  std::vector<table::LookupBucket> buckets;
  std::vector<table::BucketRef> wheres;  // of them
  std::optional<PartitionKeys> partition_keys;
  std::shared_ptr<const ServedKeys> served_keys;  // null: keys are as they are
  ValueShape shape;

  /// Are clients' keys the engine's?
  bool KeysAreStored() const { return !partition_keys && served_keys == nullptr; }
  /// The engine's key for a client's; nullopt: there is no such row. Hostile bytes; error
  /// kCorruptBatch.
  Result<std::optional<std::string>> StoredKey(std::string_view key, bool prefix) const;

  /// Find it. Blocks. Errors: kTableNotFound, kEditionNotFound, kBucketNotFound, kNotKeyed.
  static Result<std::shared_ptr<const LookupPlace>> Make(const Request& request,
                                                         const BucketName& name);
};
using LookupPlacePtr = std::shared_ptr<const LookupPlace>;

class LookupPlaces : public Known<BucketName, LookupPlace> {};

}  // namespace firth::doors::fluss
