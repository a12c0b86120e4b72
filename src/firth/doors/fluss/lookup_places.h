// Where lookups go: what is known of the buckets of keyed tables that were asked for, so that the
// next lookup neither reads the catalog nor changes threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// Thread-safe.
class LookupPlaces {
 public:
  /// The place, if it is known and nothing has changed since; else null.
  LookupPlacePtr Find(const table::Database& database, const BucketName& name) const;
  /// Find it again if need be. Blocks. Errors as of LookupPlace::Make.
  Result<LookupPlacePtr> Get(const Request& request, const BucketName& name);

 private:
  struct Known {
    uint64_t version = 0;
    LookupPlacePtr place;
  };
  mutable std::mutex mutex_;
  std::map<BucketName, Known> places_;  // guarded by mutex_
};

}  // namespace firth::doors::fluss
