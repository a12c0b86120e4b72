// Table schemas: Arrow schemas whose every field has a stable id, and how they may change.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"

namespace firth::schema {

/// The metadata key under which a field carries its id, as decimal text. Top-level fields and the
/// fields of structs, at any depth, have one; list items and map entries have none. Other metadata
/// of fields is kept as it is; doors may keep facts there that Arrow's types cannot say.
inline constexpr char kFieldIdKey[] = "firth.id";

inline constexpr int kColumnsMax = 4096;
inline constexpr int kNestingMax = 16;
/// Columns and fields inside them, at all depths together.
inline constexpr int kFieldsMax = 4 * kColumnsMax;
inline constexpr int32_t kFieldIdMax = 1 << 30;
/// What one value of a fixed size may take, also where it is null.
inline constexpr int64_t kFixedBytesMax = 1 << 20;

/// The id of `field`, or -1.
int32_t FieldId(const arrow::Field& field);
/// `field` with the id `id`.
std::shared_ptr<arrow::Field> WithFieldId(const std::shared_ptr<arrow::Field>& field, int32_t id);

/// Refuse what no table may have: no columns, more than kColumnsMax, an empty or repeated name, a
/// name that is not UTF-8, nesting deeper than kNestingMax, an id that is repeated or above
/// kFieldIdMax, values of a fixed size above kFixedBytesMax, a type that a log batch cannot hold
/// (dictionary, union, run-end encoded, view types, interval, half float). Error kInvalidSchema.
Status CheckSchema(const arrow::Schema& schema);

/// Give an id to every field that has none, in column order and depth first after the column, from
/// `*next_id` on, which ends at the first id not given. Ids that are there are kept, and `*next_id`
/// is first raised above them.
std::shared_ptr<arrow::Schema> AssignFieldIds(const std::shared_ptr<arrow::Schema>& schema,
                                              int32_t* next_id);

/// May a table with rows change from `from` to `to`? Both have ids. A column may be added if it is
/// nullable, renamed, moved, or dropped; nullability may be widened; types stay, except that struct
/// fields may likewise be added, renamed or dropped. Error kSchemaMismatch names the column.
Status CheckEvolution(const arrow::Schema& from, const arrow::Schema& to);

/// Show rows that were written under `batch`'s schema (with ids) under `to`: columns matched by id
/// (by name where both have none), absent ones null. Zero copy where types are equal. Integers
/// widen; other differences of type, and nulls where `to` has no room for them, give
/// kSchemaMismatch.
Result<std::shared_ptr<arrow::RecordBatch>> Project(const arrow::RecordBatch& batch,
                                                    const std::shared_ptr<arrow::Schema>& to);

/// A schema as bytes (an Arrow IPC schema message), and back. Reading takes hostile bytes; error
/// kInvalidSchema.
Result<std::string> SerializeSchema(const arrow::Schema& schema);
Result<std::shared_ptr<arrow::Schema>> ParseSchema(std::string_view bytes);

/// The indices of the columns `names`; error kColumnNotFound names the first that is absent.
Result<std::vector<int>> ColumnIndices(const arrow::Schema& schema,
                                       const std::vector<std::string>& names);

}  // namespace firth::schema
