// DuckDB's C interface, out of a library that is loaded when the first query comes.
#pragma once

#include <duckdb.h>

#include "firth/common/status.h"

#define FIRTH_DUCKDB_FUNCTIONS(X)                \
  X(bind_add_result_column)                      \
  X(bind_get_extra_info)                         \
  X(bind_set_cardinality)                        \
  X(bind_varchar)                                \
  X(close)                                       \
  X(column_count)                                \
  X(connect)                                     \
  X(connection_get_arrow_options)                \
  X(create_config)                               \
  X(create_table_function)                       \
  X(data_chunk_from_arrow)                       \
  X(data_chunk_get_size)                         \
  X(data_chunk_get_vector)                       \
  X(data_chunk_set_size)                         \
  X(data_chunk_to_arrow)                         \
  X(destroy_arrow_converted_schema)              \
  X(destroy_arrow_options)                       \
  X(destroy_config)                              \
  X(destroy_data_chunk)                          \
  X(destroy_error_data)                          \
  X(destroy_extracted)                           \
  X(destroy_logical_type)                        \
  X(destroy_prepare)                             \
  X(destroy_result)                              \
  X(destroy_table_function)                      \
  X(disconnect)                                  \
  X(error_data_has_error)                        \
  X(error_data_message)                          \
  X(execute_prepared)                            \
  X(execute_prepared_streaming)                  \
  X(extract_statements)                          \
  X(extract_statements_error)                    \
  X(fetch_chunk)                                 \
  X(free)                                        \
  X(function_get_extra_info)                     \
  X(function_get_init_data)                      \
  X(function_set_error)                          \
  X(init_get_column_count)                       \
  X(init_get_column_index)                       \
  X(init_get_extra_info)                         \
  X(init_set_error)                              \
  X(init_set_init_data)                          \
  X(interrupt)                                   \
  X(nparams)                                     \
  X(open_ext)                                    \
  X(prepare)                                     \
  X(prepare_error)                               \
  X(prepare_extracted_statement)                 \
  X(prepared_statement_column_count)             \
  X(prepared_statement_column_logical_type)      \
  X(prepared_statement_column_name)              \
  X(prepared_statement_type)                     \
  X(query_progress)                              \
  X(register_table_function)                     \
  X(result_error)                                \
  X(row_count)                                   \
  X(schema_from_arrow)                           \
  X(set_config)                                  \
  X(table_function_set_bind)                     \
  X(table_function_set_extra_info)               \
  X(table_function_set_function)                 \
  X(table_function_set_init)                     \
  X(table_function_set_name)                     \
  X(table_function_supports_projection_pushdown) \
  X(to_arrow_schema)                             \
  X(value_varchar)                               \
  X(vector_get_column_type)                      \
  X(vector_reference_vector)                     \
  X(vector_size)

namespace firth::query {

/// The functions, named as in duckdb.h without `duckdb_`.
struct DuckDb {
#define FIRTH_DUCKDB_MEMBER(name) decltype(&duckdb_##name) name = nullptr;
  FIRTH_DUCKDB_FUNCTIONS(FIRTH_DUCKDB_MEMBER)
#undef FIRTH_DUCKDB_MEMBER
};

/// The library, loaded by the first call and kept for the life of the process: from where it lay
/// when this was built, else from where the system looks for libraries. Error kUnimplemented where
/// it is in neither place. Thread-safe.
Result<const DuckDb*> LoadDuckDb();

}  // namespace firth::query
