#include "firth/query/query_engine.h"

#include <arrow/c/bridge.h>
#include <arrow/extension_type.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "firth/common/text.h"
#include "firth/query/duckdb_library.h"
#include "firth/query/statement.h"
#include "firth/query/table_source.h"

namespace firth::query {
namespace {

constexpr size_t kMessageBytesMax = 300;

Status Refused(std::string text) {
  return Error(Code::kInvalidArgument, Reason::kQueryRefused, std::move(text));
}

std::string FirstLine(const char* text) {
  std::string line = text == nullptr ? "the query failed" : text;
  line = line.substr(0, line.find('\n'));
  if (line.size() > kMessageBytesMax) {
    line.resize(kMessageBytesMax);
    while (!IsUtf8(line)) line.pop_back();
    line += "…";
  }
  return line;
}

std::string Quoted(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

/// As a literal.
std::string Text(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + '\'';
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

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
    for (int i = 1; used.contains(name); ++i) {
      const std::string candidate = field->name() + '_' + std::to_string(i);
      if (!taken.contains(candidate)) name = candidate;
    }
    used.insert(name);
    taken.insert(name);
    fields.push_back(arrow::field(name, type));
  }
  return arrow::schema(std::move(fields));
}

/// Interrupts a connection when its time is over.
class Deadline {
 public:
  void Start(const DuckDb* duckdb, duckdb_connection connection, int64_t timeout_ns) {
    thread_ = std::jthread([this, duckdb, connection, timeout_ns](const std::stop_token& stop) {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, std::chrono::nanoseconds(timeout_ns), [] { return false; });
      if (stop.stop_requested()) return;
      passed_ = true;
      duckdb->interrupt(connection);
    });
  }
  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  bool passed() const { return passed_; }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::atomic<bool> passed_{false};
  std::jthread thread_;
};

/// One query from its start to the end of its rows: a database of its own.
class Run : public QueryResult {
 public:
  Run(std::atomic<int>* running, const QueryOptions& options)
      : running_(running), options_(options) {}

  ~Run() override {
    deadline_.Stop();
    if (has_result_) duckdb_->destroy_result(&result_);
    if (prepared_ != nullptr) duckdb_->destroy_prepare(&prepared_);
    if (arrow_options_ != nullptr) duckdb_->destroy_arrow_options(&arrow_options_);
    if (connection_ != nullptr) duckdb_->disconnect(&connection_);
    // No statement is left, so nothing reads the sources.
    sources_.clear();
    if (source_connection_ != nullptr) duckdb_->disconnect(&source_connection_);
    if (database_ != nullptr) duckdb_->close(&database_);
    running_->fetch_sub(1);
  }

  Status Start(const std::string& sql, TableResolver* resolver) {
    ARROW_ASSIGN_OR_RAISE(duckdb_, LoadDuckDb());
    ARROW_RETURN_NOT_OK(OpenDatabase());
    ARROW_ASSIGN_OR_RAISE(const auto tables, FindTables(sql));
    ARROW_RETURN_NOT_OK(ResolveTables(tables, resolver));
    ARROW_RETURN_NOT_OK(CloseSandbox());
    for (const Named& table : tables_) ARROW_RETURN_NOT_OK(AddView(table));
    ARROW_RETURN_NOT_OK(Prepare(sql));
    deadline_.Start(duckdb_, connection_, options_.timeout_ns);
    has_result_ = true;
    if (duckdb_->execute_prepared_streaming(prepared_, &result_) != DuckDBSuccess) {
      return Failed(duckdb_->result_error(&result_));
    }
    return ReadSchema();
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    for (;;) {
      duckdb_data_chunk chunk = duckdb_->fetch_chunk(result_);
      if (chunk == nullptr) return AtEnd();
      auto rows = ToArrow(chunk);
      duckdb_->destroy_data_chunk(&chunk);
      if (!rows.ok() || (*rows)->num_rows() > 0) return rows;
    }
  }

 private:
  Status OpenDatabase() {
    duckdb_config config = nullptr;
    duckdb_->create_config(&config);
    // The folder for spilled rows can be set only while the file system may be used.
    const std::pair<const char*, std::string> settings[] = {
        {"temp_directory", ""},
        {"autoload_known_extensions", "false"},
        {"autoinstall_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"allow_unsigned_extensions", "false"},
        {"memory_limit", std::to_string(options_.memory_bytes) + "B"},
        {"threads", std::to_string(std::max(1, options_.threads))},
    };
    Status failed;
    for (const auto& [name, value] : settings) {
      if (duckdb_->set_config(config, name, value.c_str()) != DuckDBSuccess && failed.ok()) {
        failed = Error(Code::kInternal, Reason::kNone,
                       std::string("DuckDB does not take the setting ") + name);
      }
    }
    char* text = nullptr;
    if (failed.ok() && duckdb_->open_ext(nullptr, &database_, config, &text) != DuckDBSuccess) {
      failed = Error(Code::kInternal, Reason::kNone, "DuckDB does not open: " + FirstLine(text));
    }
    if (text != nullptr) duckdb_->free(text);
    duckdb_->destroy_config(&config);
    ARROW_RETURN_NOT_OK(failed);
    if (duckdb_->connect(database_, &connection_) != DuckDBSuccess ||
        duckdb_->connect(database_, &source_connection_) != DuckDBSuccess) {
      return Error(Code::kInternal, Reason::kNone, "DuckDB gives no connection");
    }
    return Do("SET GLOBAL TimeZone = 'UTC'");
  }

  /// From here on only the tables' own files can be reached. Until here nothing of the statement
  /// was run or bound.
  Status CloseSandbox() {
    std::string paths;
    for (const Named& table : tables_) {
      for (const ParquetRows& rows : table.parquet) {
        for (const std::string& path : rows.paths)
          paths += (paths.empty() ? "" : ", ") + Text(path);
      }
    }
    if (!paths.empty()) ARROW_RETURN_NOT_OK(Do("SET GLOBAL allowed_paths = [" + paths + "]"));
    ARROW_RETURN_NOT_OK(Do("SET GLOBAL enable_external_access = false"));
    return Do("SET GLOBAL lock_configuration = true");
  }

  /// Run a statement of our own.
  Status Do(const std::string& sql) {
    duckdb_result result;
    Status status;
    if (duckdb_->query(connection_, sql.c_str(), &result) != DuckDBSuccess) {
      status = Failed(duckdb_->result_error(&result));
    }
    duckdb_->destroy_result(&result);
    return status;
  }

  Result<std::vector<TableName>> FindTables(const std::string& sql) {
    duckdb_prepared_statement serialize = nullptr;
    duckdb_result result;
    std::string tree;
    Status status;
    if (duckdb_->prepare(connection_,
                         "SELECT json_serialize_sql(?::VARCHAR, skip_default := true, "
                         "skip_empty := true, skip_null := true)",
                         &serialize) != DuckDBSuccess) {
      status = Failed(duckdb_->prepare_error(serialize));
    } else {
      duckdb_->bind_varchar(serialize, 1, sql.c_str());
      if (duckdb_->execute_prepared(serialize, &result) != DuckDBSuccess) {
        status = Failed(duckdb_->result_error(&result));
      } else if (char* text = duckdb_->value_varchar(&result, 0, 0); text != nullptr) {
        tree = text;
        duckdb_->free(text);
      }
      duckdb_->destroy_result(&result);
    }
    duckdb_->destroy_prepare(&serialize);
    ARROW_RETURN_NOT_OK(status);
    return TablesOf(tree);
  }

  /// A table that the statement names, and the function that gives its rows.
  struct Named {
    TableName name;
    std::string function;
    std::shared_ptr<arrow::Schema> schema;
    std::vector<ParquetRows> parquet;
    std::shared_ptr<const void> hold;
  };

  Status ResolveTables(const std::vector<TableName>& tables, TableResolver* resolver) {
    std::map<TableName, TableName> spelled;  // by what DuckDB does not tell apart
    for (const TableName& table : tables) {
      const auto [at, added] = spelled.try_emplace({Lower(table.schema), Lower(table.name)}, table);
      if (!added) {
        return Refused("'" + table.name.substr(0, 64) + "' and '" + at->second.name.substr(0, 64) +
                       "' differ only in case; spell them alike, or name one by its path");
      }
      ARROW_RETURN_NOT_OK(ResolveTable(table, resolver));
    }
    return Status::OK();
  }

  Status ResolveTable(const TableName& table, TableResolver* resolver) {
    static const std::set<std::string> kOwnSchemas = {"information_schema", "main",   "memory",
                                                      "pg_catalog",         "system", "temp"};
    std::vector<std::string> name;
    if (!table.schema.empty()) {
      if (kOwnSchemas.contains(Lower(table.schema))) {
        return Refused("'" + table.schema + "' means something of its own in SQL; write \"" +
                       table.schema + "/" + table.name.substr(0, 64) + "\" in double quotes");
      }
      name.push_back(table.schema);
    }
    name.push_back(table.name);
    ARROW_ASSIGN_OR_RAISE(auto resolved, resolver->Resolve(name));
    Named& named = tables_.emplace_back();
    named = {.name = table,
             .function = "firth_rows_" + std::to_string(sources_.size()),
             .schema = resolved.schema,
             .parquet = std::move(resolved.parquet),
             .hold = resolved.hold};
    ARROW_ASSIGN_OR_RAISE(auto source,
                          TableSource::Make(duckdb_, source_connection_, std::move(resolved)));
    return sources_.emplace_back(std::move(source))->Register(named.function);
  }

  Status AddView(const Named& table) {
    std::string view = Quoted(table.name.name);
    if (!table.name.schema.empty()) {
      const std::string schema = Quoted(table.name.schema);
      ARROW_RETURN_NOT_OK(Do("CREATE SCHEMA IF NOT EXISTS " + schema));
      view = schema + '.' + view;
    }
    std::string rows;
    if (!table.parquet.empty()) {
      ARROW_ASSIGN_OR_RAISE(const auto types, TypesOf(table.function));
      for (const ParquetRows& parquet : table.parquet) {
        ARROW_ASSIGN_OR_RAISE(const std::string select, SelectOf(table, parquet, types));
        rows += select + " UNION ALL ";
      }
    }
    return Do("CREATE VIEW " + view + " AS " + rows + "SELECT * FROM " + table.function + "()");
  }

  /// The types of a function's columns, as DuckDB writes them.
  Result<std::vector<std::string>> TypesOf(const std::string& function) {
    const std::string sql = "DESCRIBE SELECT * FROM " + function + "()";
    duckdb_result result;
    Status status;
    std::vector<std::string> types;
    if (duckdb_->query(connection_, sql.c_str(), &result) != DuckDBSuccess) {
      status = Failed(duckdb_->result_error(&result));
    } else {
      for (idx_t i = 0; i < duckdb_->row_count(&result); ++i) {
        char* text = duckdb_->value_varchar(&result, 1, i);
        types.emplace_back(text == nullptr ? "" : text);
        duckdb_->free(text);
      }
    }
    duckdb_->destroy_result(&result);
    ARROW_RETURN_NOT_OK(status);
    return types;
  }

  Result<std::string> SelectOf(const Named& table, const ParquetRows& parquet,
                               const std::vector<std::string>& types) {
    const auto& fields = table.schema->fields();
    if (types.size() != fields.size() || parquet.columns.size() != fields.size()) {
      return Error(Code::kInternal, Reason::kNone, "a table's columns are not as its files say");
    }
    std::string columns;
    for (size_t i = 0; i < fields.size(); ++i) {
      const std::string& column = parquet.columns[i];
      columns += (i == 0 ? "CAST(" : ", CAST(") + (column.empty() ? "NULL" : Quoted(column)) +
                 " AS " + types[i] + ") AS " + Quoted(fields[i]->name());
    }
    std::string paths;
    for (const std::string& path : parquet.paths) paths += (paths.empty() ? "" : ", ") + Text(path);
    std::string select =
        "SELECT " + columns + " FROM read_parquet([" + paths + "], hive_partitioning = false)";
    if (parquet.at_most.has_value()) {
      select += " WHERE " + Quoted(parquet.at_most->first) +
                " <= " + std::to_string(parquet.at_most->second);
    }
    return select;
  }

  Status Prepare(const std::string& sql) {
    duckdb_extracted_statements statements = nullptr;
    const idx_t count = duckdb_->extract_statements(connection_, sql.c_str(), &statements);
    Status status;
    if (count == 0) {
      status = Failed(duckdb_->extract_statements_error(statements));
    } else if (count != 1) {
      status = Refused("one statement at a time is taken");
    } else if (duckdb_->prepare_extracted_statement(connection_, statements, 0, &prepared_) !=
               DuckDBSuccess) {
      status = Failed(duckdb_->prepare_error(prepared_));
    } else if (duckdb_->prepared_statement_type(prepared_) != DUCKDB_STATEMENT_TYPE_SELECT) {
      status = Refused("only SELECT statements are taken");
    } else if (duckdb_->nparams(prepared_) != 0) {
      status = Refused("parameters are not taken; write the values");
    }
    duckdb_->destroy_extracted(&statements);
    return status;
  }

  Status ReadSchema() {
    arrow_options_ = duckdb_->result_get_arrow_options(&result_);
    const idx_t count = duckdb_->column_count(&result_);
    std::vector<duckdb_logical_type> types;
    std::vector<const char*> names;
    for (idx_t i = 0; i < count; ++i) {
      types.push_back(duckdb_->column_logical_type(&result_, i));
      names.push_back(duckdb_->column_name(&result_, i));
    }
    ArrowSchema exported{};
    duckdb_error_data failed =
        duckdb_->to_arrow_schema(arrow_options_, types.data(), names.data(), count, &exported);
    for (auto& type : types) duckdb_->destroy_logical_type(&type);
    ARROW_RETURN_NOT_OK(Take(failed));
    ARROW_ASSIGN_OR_RAISE(raw_schema_, arrow::ImportSchema(&exported));
    ARROW_ASSIGN_OR_RAISE(schema_, ShownSchema(*raw_schema_));
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::RecordBatch>> ToArrow(duckdb_data_chunk chunk) {
    ArrowArray exported{};
    ARROW_RETURN_NOT_OK(Take(duckdb_->data_chunk_to_arrow(arrow_options_, chunk, &exported)));
    ARROW_ASSIGN_OR_RAISE(const auto rows, arrow::ImportRecordBatch(&exported, raw_schema_));
    auto columns = rows->columns();
    for (auto& column : columns) {
      if (column->type_id() == arrow::Type::EXTENSION) {
        column = static_cast<const arrow::ExtensionArray&>(*column).storage();
      }
    }
    return arrow::RecordBatch::Make(schema_, rows->num_rows(), std::move(columns));
  }

  /// No more rows: because there are none, or because of an error.
  Result<std::shared_ptr<arrow::RecordBatch>> AtEnd() {
    if (const char* text = duckdb_->result_error(&result_); text != nullptr) return Failed(text);
    if (deadline_.passed()) return Failed("");
    for (const auto& source : sources_) ARROW_RETURN_NOT_OK(source->error());
    return nullptr;
  }

  Status Take(duckdb_error_data failed) {
    Status status;
    if (failed != nullptr && duckdb_->error_data_has_error(failed)) {
      status = Failed(duckdb_->error_data_message(failed));
    }
    duckdb_->destroy_error_data(&failed);
    return status;
  }

  /// An error of DuckDB's as ours.
  Status Failed(const char* text) {
    for (const auto& source : sources_) ARROW_RETURN_NOT_OK(source->error());
    if (deadline_.passed()) {
      return Error(
          Code::kDeadlineExceeded, Reason::kNone,
          "the query took longer than " + std::to_string(options_.timeout_ns / 1'000'000) + " ms");
    }
    const std::string line = FirstLine(text);
    if (line.starts_with("Out of Memory Error")) {
      return Error(Code::kResourceExhausted, Reason::kOverBudget,
                   "the query needs more than the " + std::to_string(options_.memory_bytes >> 20) +
                       " MiB that it may have");
    }
    if (line.starts_with("INTERNAL Error") || line.starts_with("FATAL Error")) {
      return Error(Code::kInternal, Reason::kNone, line);
    }
    return Refused(line);
  }

  std::atomic<int>* const running_;
  const QueryOptions options_;
  const DuckDb* duckdb_ = nullptr;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  duckdb_connection source_connection_ = nullptr;  // converts the tables' rows
  std::vector<Named> tables_;
  std::vector<std::unique_ptr<TableSource>> sources_;
  duckdb_prepared_statement prepared_ = nullptr;
  duckdb_arrow_options arrow_options_ = nullptr;
  duckdb_result result_{};
  bool has_result_ = false;
  Deadline deadline_;
  std::shared_ptr<arrow::Schema> raw_schema_;  // as DuckDB gives it
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

Result<std::unique_ptr<QueryResult>> QueryEngine::Run(const std::string& sql,
                                                      TableResolver* resolver,
                                                      const QueryOptions& options) {
  if (sql.size() > kStatementBytesMax) {
    return Refused("a statement has at most " + std::to_string(kStatementBytesMax) + " bytes");
  }
  if (!IsUtf8(sql) || sql.find('\0') != std::string::npos) {
    return Refused("a statement is UTF-8 text without null characters");
  }
  if (running_.fetch_add(1) >= kQueriesMax) {
    running_.fetch_sub(1);
    return Error(Code::kResourceExhausted, Reason::kOverBudget,
                 std::to_string(kQueriesMax) + " queries run already; try again when one ended");
  }
  auto run = std::make_unique<query::Run>(&running_, options);
  ARROW_RETURN_NOT_OK(run->Start(sql, resolver));
  return run;
}

}  // namespace firth::query
