// The type of a table's records, as this door's clients know it: what their schema language and
// their Avro schemas say, and what becomes of it in a table.
#pragma once

#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::doors::beneath {

/// The column that holds each record's own time: milliseconds since the epoch. It stands behind the
/// declared ones; null means the time of the commit.
inline constexpr char kTimeColumn[] = "__timestamp";

inline constexpr size_t kSchemaTextBytesMax = 256 << 10;
inline constexpr size_t kNameBytesMax = 64;
inline constexpr int kTypeFieldsMax = 4096;  // of all nested types together
inline constexpr int kTypeDepthMax = 12;

enum class Kind {
  kString,
  kBytes,
  kFixed,  // `size` bytes
  kBoolean,
  kInt32,
  kInt64,
  kFloat32,
  kFloat64,
  kNumeric,    // a whole number of at most 128 digits; held as its decimal text
  kTimestamp,  // milliseconds
  kUuid,       // held as its text, lower-case and with dashes, whose order is that of the bytes
  kEnum,       // held as the symbol
  kRecord,
  kArray,
};

struct Type;
using TypePtr = std::shared_ptr<const Type>;

struct Field {
  std::string name;
  std::string doc;
  TypePtr type;
  bool nullable = false;
};

/// Immutable once made. A named type that is used twice is one object.
struct Type {
  Kind kind = Kind::kString;
  std::string name;  // kRecord, kEnum, kFixed
  std::string doc;
  int32_t size = 0;                  // kFixed
  std::vector<std::string> symbols;  // kEnum
  std::vector<Field> fields;         // kRecord
  TypePtr item;                      // kArray
  bool item_nullable = false;        // only in what other doors made
  bool null_is_empty = false;        // kArray: null is written as an array without items
};

TypePtr MakeType(Kind kind);

/// A primitive of the schema language by its name, or null: String, Bytes, Bytes16, Int, …
TypePtr PrimitiveNamed(std::string_view name);
/// Would a declaration of that name be taken for a primitive?
bool IsPrimitiveName(std::string_view name);

/// The Avro schema of a record type, as JSON text. With docs it is what clients are shown; without,
/// it is the canonical form.
std::string AvroText(const Type& record, bool docs);
/// Read an Avro schema, restricted to what the schema language can say. Error kInvalidSchema.
Result<TypePtr> ParseAvro(std::string_view json);

/// Check names, depth and breadth of a record type. Error kInvalidSchema.
Status CheckRecordType(const Type& record);
/// May the fields `key` be the key? Error kInvalidSchema.
Status CheckKey(const Type& record, const std::vector<std::string>& key);

/// The columns of a table of these records, with kTimeColumn.
std::shared_ptr<arrow::Schema> ArrowSchema(const Type& record);
/// The record type that shows a table's columns (without those that begin with two underscores),
/// and for each field the name of its column. Types without a counterpart are shown as text.
struct ShownColumns {
  TypePtr record;
  std::vector<std::string> columns;
};
ShownColumns RecordTypeOf(const arrow::Schema& schema, std::string_view name);
/// The Arrow type that holds values of `type`.
std::shared_ptr<arrow::DataType> ArrowType(const Type& type);

/// Does `name` match [_a-z][_a-z0-9]*, with at most `bytes_max` bytes?
bool IsPlainName(std::string_view name, size_t bytes_max);

}  // namespace firth::doors::beneath
