#include "firth/query/result_rows.h"

#include <arrow/c/bridge.h>
#include <arrow/extension_type.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "firth/query/sql_text.h"

namespace firth::query {
namespace {

/// Does every client of ours know the type?
bool IsPlain(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::DICTIONARY:
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
    case arrow::Type::INTERVAL_MONTHS:
    case arrow::Type::INTERVAL_DAY_TIME:
    case arrow::Type::INTERVAL_MONTH_DAY_NANO:
    case arrow::Type::NA:
    case arrow::Type::EXTENSION:
      return false;
    default:
      return std::all_of(type.fields().begin(), type.fields().end(),
                         [](const auto& field) { return IsPlain(*field->type()); });
  }
}

/// Columns with plain types and unique names.
Result<std::shared_ptr<arrow::Schema>> ShownSchema(const arrow::Schema& schema) {
  std::set<std::string> taken;
  for (const auto& field : schema.fields()) taken.insert(field->name());
  std::set<std::string> used;
  std::map<std::string, int> next;  // of names that are there more than once: the last number
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const auto& field : schema.fields()) {
    auto type = field->type();
    if (type->id() == arrow::Type::EXTENSION) {
      type = static_cast<const arrow::ExtensionType&>(*type).storage_type();
    }
    std::string name = field->name();
    if (!IsPlain(*type)) {
      return Refused("the column '" + name.substr(0, 64) + "' of the result is of type " +
                     type->ToString().substr(0, 64) + "; cast it, to VARCHAR for instance");
    }
    for (int& i = next[name]; used.contains(name);) {
      ++i;
      const std::string candidate = field->name() + '_' + std::to_string(i);
      if (!taken.contains(candidate)) name = candidate;
    }
    used.insert(name);
    taken.insert(name);
    fields.push_back(arrow::field(name, type));
  }
  return arrow::schema(std::move(fields));
}

}  // namespace

ResultRows::~ResultRows() {
  if (options_ != nullptr) session_->duckdb()->destroy_arrow_options(&options_);
}

Status ResultRows::Describe(duckdb_prepared_statement statement) {
  const DuckDb* duckdb = session_->duckdb();
  duckdb->connection_get_arrow_options(session_->connection(), &options_);
  const idx_t count = duckdb->prepared_statement_column_count(statement);
  std::vector<duckdb_logical_type> types;
  std::vector<const char*> names;
  for (idx_t i = 0; i < count; ++i) {
    types.push_back(duckdb->prepared_statement_column_logical_type(statement, i));
    names.push_back(duckdb->prepared_statement_column_name(statement, i));
  }
  ArrowSchema exported{};
  duckdb_error_data failed =
      duckdb->to_arrow_schema(options_, types.data(), names.data(), count, &exported);
  for (auto& type : types) duckdb->destroy_logical_type(&type);
  for (const char* name : names) duckdb->free(const_cast<char*>(name));
  ARROW_RETURN_NOT_OK(session_->Take(failed));
  auto imported = arrow::ImportSchema(&exported);
  if (!imported.ok()) {
    return Refused("the result has a type that Arrow lacks: " + imported.status().message());
  }
  raw_schema_ = std::move(*imported);
  ARROW_ASSIGN_OR_RAISE(schema_, ShownSchema(*raw_schema_));
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> ResultRows::ToArrow(duckdb_data_chunk chunk) const {
  ArrowArray exported{};
  ARROW_RETURN_NOT_OK(
      session_->Take(session_->duckdb()->data_chunk_to_arrow(options_, chunk, &exported)));
  ARROW_ASSIGN_OR_RAISE(const auto rows, arrow::ImportRecordBatch(&exported, raw_schema_));
  auto columns = rows->columns();
  for (auto& column : columns) {
    if (column->type_id() == arrow::Type::EXTENSION) {
      column = static_cast<const arrow::ExtensionArray&>(*column).storage();
    }
  }
  return arrow::RecordBatch::Make(schema_, rows->num_rows(), std::move(columns));
}

}  // namespace firth::query
