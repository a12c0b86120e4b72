#include "firth/doors/fluss/lookup_places.h"

#include <utility>

#include "firth/doors/fluss/lookup_names.h"

namespace firth::doors::fluss {
Result<std::optional<std::string>> LookupPlace::StoredKey(std::string_view key, bool prefix) const {
  std::optional<std::string> stored = std::string(key);
  if (served_keys != nullptr) {
    ARROW_ASSIGN_OR_RAISE(stored, served_keys->Stored(key, prefix));
  }
  if (stored && partition_keys) {
    ARROW_ASSIGN_OR_RAISE(stored, partition_keys->Full(*stored, prefix));
  }
  return stored;
}

Result<LookupPlacePtr> LookupPlace::Make(const Request& request, const BucketName& name) {
  auto place = std::make_shared<LookupPlace>();
  ARROW_ASSIGN_OR_RAISE(const TableById table, TableById::Find(request, name.table));
  place->table = table.table();
  ARROW_ASSIGN_OR_RAISE(place->where, table.Bucket(name.partition, name.bucket));
  ARROW_ASSIGN_OR_RAISE(place->partition_keys, table.KeysOf(request, place->where.partition));
  ARROW_ASSIGN_OR_RAISE(place->served_keys, ServedKeys::Make(*place->table->current));
  ARROW_ASSIGN_OR_RAISE(place->shape, ValueShape::Make(place->table));
  // Whatever the bucket, it is one of the table's.
  ARROW_ASSIGN_OR_RAISE(auto asked, request.database().FindBucket(place->table, place->where));
  if (place->served_keys == nullptr) {
    place->buckets.push_back(std::move(asked));
    place->wheres.push_back(place->where);
    return place;
  }
  for (int32_t b = 0; b < place->table->current->spec.bucket_count; ++b) {
    const table::BucketRef where{.partition = place->where.partition, .bucket = b};
    ARROW_ASSIGN_OR_RAISE(auto bucket, request.database().FindBucket(place->table, where));
    place->buckets.push_back(std::move(bucket));
    place->wheres.push_back(where);
  }
  return place;
}

}  // namespace firth::doors::fluss
