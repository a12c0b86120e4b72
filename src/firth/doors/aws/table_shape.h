// How a table looks to this door's clients: fields of few types, the first of them keys.
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <vector>

#include "firth/common/path.h"
#include "firth/doors/aws/json.h"
#include "firth/table/database.h"

namespace firth::doors::aws {

/// A field as it is shown. Its column in the table may have another type (table_rows.h converts).
struct ShapeField {
  std::string name;
  std::shared_ptr<arrow::DataType> type;  // int32, int64, utf8, binary, or a list or map of these
  bool nullable = false;
};

struct TableShape {
  std::string id;                  // 32 hex digits
  std::string name;                // below the instance
  std::vector<ShapeField> fields;  // row keys, sort keys, values
  int row_keys = 0;
  int sort_keys = 0;
  bool keyed = false;

  /// The row key with this name, or null.
  const ShapeField* FindRowKey(std::string_view field) const;
  int keys() const { return row_keys + sort_keys; }
  std::shared_ptr<arrow::Schema> schema() const;
};

/// Any table's shape. Without keys of this door's own: its key, else its order, else its time
/// column, else the first field that has an order. Error kSchemaMismatch if there is none.
Result<TableShape> ShapeOf(const std::string& instance, const table::TableInfo& table);

/// The type in which a column of type `stored` is shown: integers as the next wider of the two,
/// text and bytes as they are, times as a count in their own unit, all else as text.
std::shared_ptr<arrow::DataType> ShownType(const arrow::DataType& stored);

/// A table that is asked for, as a specification; Fault invalid_request says what is wrong.
struct NewTable {
  std::string name;
  table::TableSpec spec;
};
Result<NewTable> ReadNewTable(const json& request);

/// The shape's schema as JSON, as the REST call has it.
json SchemaJson(const TableShape& shape);

/// The path of table `name` of an instance, and back. Errors kInvalidName.
Result<Path> TablePath(const std::string& instance, const std::string& name);
std::string TableName(const std::string& instance, const Path& path);
std::string TableIdText(TableId id);

/// The table by id or, without one, by name. Error kTableNotFound.
Result<table::TablePtr> FindTable(table::Database* database, const access::Caller& caller,
                                  const std::string& instance, const std::string& name,
                                  const std::string& id);

}  // namespace firth::doors::aws
