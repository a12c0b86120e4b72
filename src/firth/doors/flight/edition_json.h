// Schemas and what else defines a table, as JSON: what `create` and `alter` take and `describe`
// gives.
#pragma once

#include <arrow/type.h>

#include <memory>

#include <nlohmann/json.hpp>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/doors/flight/fields.h"

namespace firth::doors::flight {

/// A schema from JSON: the short form as text (type_text.h), or a list of {name, type, nullable}.
Result<std::shared_ptr<arrow::Schema>> SchemaFromJson(const nlohmann::json& json);
/// A list of {name, type, nullable, id}.
nlohmann::json SchemaToJson(const arrow::Schema& schema);

/// Read the fields of an edition that `fields` has into `*spec`; the others stay. Names and words:
/// key, order, time_column, partition_by, bucket_by, buckets, merge (none, last, first, greatest,
/// aggregate), merge_columns, aggregates, image (full, after, input), ignore_deletes,
/// refuse_deletes, log_lifetime, key_lifetime, lake_lifetime ({duration: "7d", bytes, by: commit,
/// record or column, column}), views (key, time, lake), compression (zstd, lz4, none), series_by,
/// values. Mistakes are left in `fields`.
void ReadEdition(Fields* fields, catalog::EditionSpec* spec);
/// The same names; only what differs from the default.
nlohmann::json EditionToJson(const catalog::EditionSpec& spec);

}  // namespace firth::doors::flight
