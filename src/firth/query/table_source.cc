#include "firth/query/table_source.h"

#include <arrow/array/util.h>
#include <arrow/c/bridge.h>
#include <arrow/util/byte_size.h>

#include <algorithm>
#include <utility>

#include "firth/query/sql_text.h"

namespace firth::query {
namespace {

/// The C interface gives a callback no functions to call, and a pointer of ours only through one.
const DuckDb* Functions() {
  const auto loaded = LoadDuckDb();
  FIRTH_CHECK(loaded.ok());
  return *loaded;
}

/// The column that costs the least to read, where only the number of rows is asked for.
int CheapestColumn(const arrow::Schema& schema) {
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (arrow::is_fixed_width(schema.field(i)->type()->id())) return i;
  }
  return 0;
}

}  // namespace

/// One read of the table by a statement.
struct TableSource::Reading {
  std::shared_ptr<arrow::RecordBatchReader> reader;
  std::vector<int> places;   // for each column of the output: the reader's, or -1
  std::vector<int> columns;  // for each column of the reader: the table's
  std::shared_ptr<arrow::RecordBatch> rows;
  int64_t next = 0;  // in rows
};

Result<std::unique_ptr<TableSource>> TableSource::Make(const DuckDb* duckdb,
                                                       duckdb_connection connection,
                                                       ResolvedTable table) {
  auto source = std::unique_ptr<TableSource>(new TableSource(duckdb, connection, std::move(table)));
  ARROW_RETURN_NOT_OK(source->Prepare());
  return source;
}

TableSource::~TableSource() {
  for (Column& column : columns_) {
    if (column.type != nullptr) duckdb_->destroy_logical_type(&column.type);
    if (column.converted != nullptr) duckdb_->destroy_arrow_converted_schema(&column.converted);
  }
}

Status TableSource::Prepare() {
  for (const auto& field : table_.schema->fields()) {
    Column& column = columns_.emplace_back();
    column.schema = arrow::schema({field->RemoveMetadata()});
    ArrowSchema exported;
    ARROW_RETURN_NOT_OK(arrow::ExportSchema(*column.schema, &exported));
    duckdb_error_data failed =
        duckdb_->schema_from_arrow(connection_, &exported, &column.converted);
    const bool wrong = failed != nullptr && duckdb_->error_data_has_error(failed);
    duckdb_->destroy_error_data(&failed);
    if (exported.release != nullptr) exported.release(&exported);
    if (wrong) {
      return Error(Code::kInvalidArgument, Reason::kQueryRefused,
                   "the column '" + field->name().substr(0, 64) +
                       "' has a type that SQL lacks: " + field->type()->ToString().substr(0, 64));
    }
    // The type in DuckDB's terms can be had only from rows.
    ARROW_ASSIGN_OR_RAISE(const auto sample, arrow::MakeArrayOfNull(field->type(), 1));
    ARROW_ASSIGN_OR_RAISE(duckdb_data_chunk chunk, Convert(column, sample));
    column.type = duckdb_->vector_get_column_type(duckdb_->data_chunk_get_vector(chunk, 0));
    duckdb_->destroy_data_chunk(&chunk);
  }
  return Status::OK();
}

Status TableSource::Register(const std::string& name) {
  duckdb_table_function function = duckdb_->create_table_function();
  duckdb_->table_function_set_name(function, name.c_str());
  duckdb_->table_function_set_extra_info(function, this, nullptr);
  duckdb_->table_function_set_bind(function, &TableSource::Bind);
  duckdb_->table_function_set_init(function, &TableSource::Init);
  duckdb_->table_function_set_function(function, &TableSource::Read);
  duckdb_->table_function_supports_projection_pushdown(function, true);
  const duckdb_state state = duckdb_->register_table_function(connection_, function);
  duckdb_->destroy_table_function(&function);
  if (state == DuckDBSuccess) return Status::OK();
  return Error(Code::kInternal, Reason::kNone, "DuckDB takes no table function");
}

Status TableSource::error() {
  const std::lock_guard lock(mutex_);
  return error_;
}

Result<duckdb_data_chunk> TableSource::Convert(const Column& column,
                                               const std::shared_ptr<arrow::Array>& rows) {
  ArrowArray exported;
  ARROW_RETURN_NOT_OK(arrow::ExportRecordBatch(
      *arrow::RecordBatch::Make(column.schema, rows->length(), {rows}), &exported));
  duckdb_data_chunk chunk = nullptr;
  duckdb_error_data failed =
      duckdb_->data_chunk_from_arrow(connection_, &exported, column.converted, &chunk);
  std::string text;
  if (failed != nullptr && duckdb_->error_data_has_error(failed)) {
    text = duckdb_->error_data_message(failed);
  }
  duckdb_->destroy_error_data(&failed);
  if (exported.release != nullptr) exported.release(&exported);
  if (text.empty() && chunk != nullptr) return chunk;
  if (text.find("Conversion") != std::string::npos) {
    return Refused("the column '" + column.schema->field(0)->name().substr(0, 64) +
                   "' has values that SQL cannot hold as " +
                   column.schema->field(0)->type()->ToString().substr(0, 64) +
                   "; leave it out, or read the table without SQL");
  }
  return Error(Code::kInternal, Reason::kNone,
               "the column '" + column.schema->field(0)->name().substr(0, 64) +
                   "' cannot be given to DuckDB: " + text);
}

void TableSource::Bind(duckdb_bind_info info) {
  const DuckDb* duckdb = Functions();
  const auto* source = static_cast<TableSource*>(duckdb->bind_get_extra_info(info));
  for (const Column& column : source->columns_) {
    duckdb->bind_add_result_column(info, column.schema->field(0)->name().c_str(), column.type);
  }
}

void TableSource::Init(duckdb_init_info info) {
  const DuckDb* duckdb = Functions();
  auto* source = static_cast<TableSource*>(duckdb->init_get_extra_info(info));
  auto reading = source->Open(info);
  if (!reading.ok()) {
    duckdb->init_set_error(info, source->Failed(reading.status()).c_str());
    return;
  }
  duckdb->init_set_init_data(info, reading->release(), [](void* data) {
    std::unique_ptr<Reading>(static_cast<Reading*>(data));
  });
}

void TableSource::Read(duckdb_function_info info, duckdb_data_chunk output) {
  const DuckDb* duckdb = Functions();
  auto* source = static_cast<TableSource*>(duckdb->function_get_extra_info(info));
  auto* reading = static_cast<Reading*>(duckdb->function_get_init_data(info));
  const Status filled = source->Fill(reading, output);
  if (!filled.ok()) duckdb->function_set_error(info, source->Failed(filled).c_str());
}

Result<std::unique_ptr<TableSource::Reading>> TableSource::Open(duckdb_init_info info) {
  auto reading = std::make_unique<Reading>();
  const idx_t count = duckdb_->init_get_column_count(info);
  for (idx_t i = 0; i < count; ++i) {
    const idx_t wanted = duckdb_->init_get_column_index(info, i);
    int place = -1;  // none of the table's: only the number of rows matters
    if (wanted < columns_.size()) {
      place = static_cast<int>(reading->columns.size());
      reading->columns.push_back(static_cast<int>(wanted));
    }
    reading->places.push_back(place);
  }
  if (reading->columns.empty()) reading->columns.push_back(CheapestColumn(*table_.schema));
  std::vector<std::string> names;
  for (const int column : reading->columns) names.push_back(table_.schema->field(column)->name());
  ARROW_ASSIGN_OR_RAISE(reading->reader, table_.open(names, filter_));
  return reading;
}

Status TableSource::Fill(Reading* reading, duckdb_data_chunk output) {
  while (reading->rows == nullptr || reading->next >= reading->rows->num_rows()) {
    ARROW_RETURN_NOT_OK(reading->reader->ReadNext(&reading->rows));
    reading->next = 0;
    if (reading->rows == nullptr) {
      duckdb_->data_chunk_set_size(output, 0);
      return Status::OK();
    }
    rows_read_ += reading->rows->num_rows();
    bytes_read_ +=
        static_cast<uint64_t>(arrow::util::ReferencedBufferSize(*reading->rows).ValueOr(0));
  }
  const int64_t count = std::min(reading->rows->num_rows() - reading->next,
                                 static_cast<int64_t>(duckdb_->vector_size()));
  for (size_t i = 0; i < reading->places.size(); ++i) {
    const int place = reading->places[i];
    if (place < 0) continue;
    const int index = reading->columns[static_cast<size_t>(place)];
    const Column& column = columns_[static_cast<size_t>(index)];
    ARROW_ASSIGN_OR_RAISE(
        duckdb_data_chunk chunk,
        Convert(column, reading->rows->column(place)->Slice(reading->next, count)));
    duckdb_->vector_reference_vector(duckdb_->data_chunk_get_vector(output, i),
                                     duckdb_->data_chunk_get_vector(chunk, 0));
    duckdb_->destroy_data_chunk(&chunk);
  }
  reading->next += count;
  duckdb_->data_chunk_set_size(output, static_cast<idx_t>(count));
  return Status::OK();
}

std::string TableSource::Failed(const Status& status) {
  const std::lock_guard lock(mutex_);
  if (error_.ok()) error_ = status;
  return MessageOf(status);
}

}  // namespace firth::query
