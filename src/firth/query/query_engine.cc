#include "firth/query/query_engine.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "firth/common/text.h"
#include "firth/query/result_rows.h"
#include "firth/query/scan_bytes.h"
#include "firth/query/session.h"
#include "firth/query/spare_session.h"
#include "firth/query/sql_text.h"
#include "firth/query/statement.h"
#include "firth/query/statement_limits.h"

namespace firth::query {
namespace {

/// Where tables stand whose past is asked for; no statement can name it.
constexpr char kPastSchema[] = "firth_past";

/// Counts a query that runs.
class Turn {
 public:
  explicit Turn(std::atomic<int>* running) : running_(running) {}
  ~Turn() { running_->fetch_sub(1); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<int>* const running_;
};

/// What a prepared query and its result share.
struct Parts {
  ~Parts() {
    if (has_result && session != nullptr) session->duckdb()->destroy_result(&result);
    if (prepared != nullptr) session->duckdb()->destroy_prepare(&prepared);
    rows.reset();
    session.reset();
  }

  std::unique_ptr<Turn> turn;
  std::vector<std::shared_ptr<const void>> holds;  // the tables' files
  std::unique_ptr<Session> session;
  std::unique_ptr<ResultRows> rows;
  duckdb_prepared_statement prepared = nullptr;
  duckdb_result result{};
  bool ran = false;
  bool has_result = false;
};

class Rows : public QueryResult {
 public:
  explicit Rows(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return parts_->rows->schema(); }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    rows->reset();
    Session* session = parts_->session.get();
    if (session->cancelled()) return session->Failed("");
    if (!parts_->has_result) ARROW_RETURN_NOT_OK(Begin());
    for (;;) {
      if (session->cancelled()) return session->Failed("");
      duckdb_data_chunk chunk = session->duckdb()->fetch_chunk(parts_->result);
      if (chunk == nullptr) {
        if (const char* text = session->duckdb()->result_error(&parts_->result); text != nullptr) {
          return session->Failed(text);
        }
        session->StopWatch();
        return session->ErrorAtEnd();
      }
      auto read = parts_->rows->ToArrow(chunk);
      session->duckdb()->destroy_data_chunk(&chunk);
      ARROW_RETURN_NOT_OK(read.status());
      if ((*read)->num_rows() == 0) continue;
      given_rows_ += (*read)->num_rows();
      *rows = std::move(*read);
      return Status::OK();
    }
  }

  void Cancel() override { parts_->session->Cancel(); }

  QueryProgress progress() override {
    return {.part = parts_->session->progress() / 100, .rows = given_rows_};
  }

 private:
  /// What comes before the first row may be the most of the work.
  Status Begin() {
    Session* session = parts_->session.get();
    parts_->has_result = true;
    if (session->duckdb()->execute_prepared_streaming(parts_->prepared, &parts_->result) ==
        DuckDBSuccess) {
      return Status::OK();
    }
    return session->Failed(session->duckdb()->result_error(&parts_->result));
  }

  const std::shared_ptr<Parts> parts_;
  std::atomic<int64_t> given_rows_{0};
};

class Prepared : public PreparedQuery {
 public:
  Prepared(std::unique_ptr<Turn> turn, std::unique_ptr<Session> session, uint64_t scan_bytes_max)
      : parts_(std::make_shared<Parts>()), scan_bytes_max_(scan_bytes_max) {
    parts_->turn = std::move(turn);
    parts_->session = std::move(session);
  }

  Status Start(const std::string& sql, TableResolver* resolver) {
    ARROW_RETURN_NOT_OK(ReadStatement(sql));
    ARROW_RETURN_NOT_OK(ResolveTables(resolver));
    ARROW_RETURN_NOT_OK(CheckLimits(tree_, [this](const TableName& name) {
      const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const Named& table) {
        return table.name.schema == name.schema && table.name.name == name.name;
      });
      return found == tables_.end() ? 1 : found->schema->num_fields();
    }));
    std::vector<std::string> paths;
    for (const Named& table : tables_) {
      for (const ParquetRows& rows : table.parquet) {
        paths.insert(paths.end(), rows.paths.begin(), rows.paths.end());
      }
    }
    // Until here nothing of the statement was run or bound.
    ARROW_RETURN_NOT_OK(parts_->session->Close(paths));
    for (Named& table : tables_) ARROW_RETURN_NOT_OK(AddView(&table));
    ARROW_RETURN_NOT_OK(Prepare());
    parts_->rows = std::make_unique<ResultRows>(parts_->session.get());
    return parts_->rows->Describe(parts_->prepared);
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return parts_->rows->schema(); }

  Result<std::vector<TableUse>> Tables() override {
    if (!uses_.has_value()) {
      ARROW_ASSIGN_OR_RAISE(uses_, FindUses());
    }
    return *uses_;
  }

  Result<uint64_t> ScanBytes() override {
    if (scan_bytes_.has_value()) return *scan_bytes_;
    ARROW_ASSIGN_OR_RAISE(const auto uses, Tables());
    parts_->session->StartWatch();
    uint64_t bytes = 0;
    for (size_t i = 0; i < uses.size(); ++i) {
      if (uses[i].columns.empty()) continue;
      const auto size = [&](const std::string& column) {
        return SizeSum(*tables_[i].schema->GetFieldByName(column));
      };
      // A sum of large sums is text in decimal, whatever its type.
      ARROW_ASSIGN_OR_RAISE(const auto sums,
                            parts_->session->Do("SELECT " + Joined(uses[i].columns, size) +
                                                " FROM " + tables_[i].view));
      for (const std::string& sum : sums.front()) {
        ARROW_ASSIGN_OR_RAISE(const int64_t one, ParseInt64(sum));
        bytes += static_cast<uint64_t>(one);
      }
    }
    parts_->session->StopWatch();
    scan_bytes_ = bytes;
    return bytes;
  }

  Result<std::string> Plan() override {
    ARROW_ASSIGN_OR_RAISE(const auto plan, parts_->session->Do("EXPLAIN " + sql_));
    std::string text;
    for (const auto& row : plan) text += row.size() < 2 ? "" : row[1];
    return text;
  }

  Result<std::unique_ptr<QueryResult>> Run() override {
    if (parts_->ran) {
      return Error(Code::kFailedPrecondition, Reason::kNone, "a prepared query runs once");
    }
    if (scan_bytes_max_ > 0) {
      ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, ScanBytes());
      if (bytes > scan_bytes_max_) {
        return Error(Code::kResourceExhausted, Reason::kOverBudget,
                     "the query reads " + std::to_string(bytes) + " bytes, which exceeds the " +
                         std::to_string(scan_bytes_max_) + " that it may read");
      }
    }
    parts_->session->StartWatch();
    parts_->ran = true;
    return std::make_unique<Rows>(parts_);
  }

 private:
  /// A table that the statement names, and the function that gives its rows.
  struct Named {
    TableName name;
    NamedTable asked;
    std::string function;
    std::string view_schema;  // empty: none
    std::string view_name;
    std::string view;  // both, quoted
    std::shared_ptr<arrow::Schema> schema;
    std::vector<std::string> types;  // as DuckDB writes them
    std::vector<ParquetRows> parquet;
    bool has_rest = false;  // are there rows beside those?
  };

  Status ReadStatement(const std::string& sql) {
    sql_ = sql;
    ARROW_ASSIGN_OR_RAISE(
        const auto tree,
        parts_->session->Do("SELECT json_serialize_sql(?::VARCHAR, skip_default := true, "
                            "skip_empty := true, skip_null := true)",
                            {sql}));
    tree_ = tree.front().front();
    ARROW_ASSIGN_OR_RAISE(const auto names, TablesOf(tree_));
    std::map<TableName, std::pair<std::string, std::string>> past;
    for (const TableName& name : names) {
      ARROW_ASSIGN_OR_RAISE(Named table, NameTable(name));
      if (name.at.has_value()) past[name] = {table.view_schema, table.view_name};
      tables_.push_back(std::move(table));
    }
    if (past.empty()) return CheckSpelling();
    ARROW_ASSIGN_OR_RAISE(const auto whole,
                          parts_->session->Do("SELECT json_serialize_sql(?::VARCHAR)", {sql}));
    ARROW_ASSIGN_OR_RAISE(const std::string changed, WithTables(whole.front().front(), past));
    ARROW_ASSIGN_OR_RAISE(const auto text,
                          parts_->session->Do("SELECT json_deserialize_sql(?::JSON)", {changed}));
    sql_ = text.front().front();
    return CheckSpelling();
  }

  Result<Named> NameTable(const TableName& name) {
    static const std::set<std::string> kOwnSchemas = {
        "information_schema", "main", "memory", "pg_catalog", "system", "temp", kPastSchema};
    Named table{.name = name, .function = "firth_rows_" + std::to_string(tables_.size())};
    if (!name.schema.empty()) {
      if (kOwnSchemas.contains(LowerName(name.schema))) {
        return Refused("'" + name.schema + "' means something of its own in SQL; write \"" +
                       name.schema + "/" + name.name.substr(0, 64) + "\" in double quotes");
      }
      table.asked.name.push_back(name.schema);
    }
    table.asked.name.push_back(name.name);
    table.view_schema = name.schema;
    table.view_name = name.name;
    if (name.at.has_value()) {
      ARROW_ASSIGN_OR_RAISE(table.asked.at, PastOf(*name.at));
      table.view_schema = kPastSchema;
      table.view_name = "past_" + std::to_string(tables_.size());
    }
    table.view = table.view_schema.empty() ? "" : QuotedName(table.view_schema) + '.';
    table.view += QuotedName(table.view_name);
    return table;
  }

  Result<PastState> PastOf(const PastText& at) {
    PastState past;
    if (at.kind == PastText::Kind::kTime) {
      ARROW_ASSIGN_OR_RAISE(
          const auto time,
          parts_->session->Do("SELECT epoch_ns(CAST(? AS TIMESTAMP WITH TIME ZONE))", {at.text}));
      ARROW_ASSIGN_OR_RAISE(past.time_ns, ParseInt64(time.front().front()));
      return past;
    }
    auto& number = at.kind == PastText::Kind::kCommit ? past.version : past.snapshot;
    ARROW_ASSIGN_OR_RAISE(number, ParseInt64(at.text));
    return past;
  }

  /// Two tables that DuckDB would take for one.
  Status CheckSpelling() const {
    std::map<std::pair<std::string, std::string>, const TableName*> spelled;
    for (const Named& table : tables_) {
      const auto [at, added] = spelled.try_emplace(
          {LowerName(table.view_schema), LowerName(table.view_name)}, &table.name);
      if (added) continue;
      return Refused("'" + table.name.name.substr(0, 64) + "' and '" +
                     at->second->name.substr(0, 64) +
                     "' differ only in case; spell them alike, or name one by its path");
    }
    return Status::OK();
  }

  Status ResolveTables(TableResolver* resolver) {
    std::vector<NamedTable> asked;
    for (const Named& table : tables_) asked.push_back(table.asked);
    ARROW_ASSIGN_OR_RAISE(auto resolved, resolver->Resolve(asked));
    if (resolved.size() != tables_.size()) {
      return Error(Code::kInternal, Reason::kNone, "not every table of a query has an answer");
    }
    for (size_t i = 0; i < tables_.size(); ++i) {
      Named& table = tables_[i];
      table.schema = resolved[i].schema;
      table.parquet = std::move(resolved[i].parquet);
      table.has_rest = resolved[i].open != nullptr;
      parts_->holds.push_back(resolved[i].hold);
      ARROW_RETURN_NOT_OK(parts_->session->AddFunction(table.function, std::move(resolved[i])));
    }
    return Status::OK();
  }

  Status AddView(Named* table) {
    Session* session = parts_->session.get();
    if (!table->view_schema.empty()) {
      ARROW_RETURN_NOT_OK(
          session->Do("CREATE SCHEMA IF NOT EXISTS " + QuotedName(table->view_schema)).status());
    }
    std::vector<std::string> parts;
    if (!table->parquet.empty()) {
      ARROW_RETURN_NOT_OK(FindTypes(table));
      for (const ParquetRows& parquet : table->parquet) {
        ARROW_ASSIGN_OR_RAISE(parts.emplace_back(), SelectOf(*table, parquet));
      }
    }
    if (parts.empty() || table->has_rest) {
      parts.push_back("SELECT * FROM " + table->function + "()");
    }
    std::string rows;
    for (const std::string& part : parts) rows += (rows.empty() ? "" : " UNION ALL ") + part;
    return session->Do("CREATE VIEW " + table->view + " AS " + rows).status();
  }

  Status FindTypes(Named* table) {
    if (!table->types.empty()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto columns,
                          parts_->session->Do("DESCRIBE SELECT * FROM " + table->function + "()"));
    for (const auto& column : columns) table->types.push_back(column.at(1));
    if (static_cast<int>(table->types.size()) == table->schema->num_fields()) return Status::OK();
    return Error(Code::kInternal, Reason::kNone, "DuckDB knows other columns of a table");
  }

  static Result<std::string> SelectOf(const Named& table, const ParquetRows& parquet) {
    const auto& fields = table.schema->fields();
    if (parquet.columns.size() != fields.size()) {
      return Error(Code::kInternal, Reason::kNone, "a table's columns are not as its files say");
    }
    std::string columns;
    for (size_t i = 0; i < fields.size(); ++i) {
      const std::string& column = parquet.columns[i];
      columns += (i == 0 ? "CAST(" : ", CAST(") + (column.empty() ? "NULL" : QuotedName(column)) +
                 " AS " + table.types[i] + ") AS " + QuotedName(fields[i]->name());
    }
    std::string select = "SELECT " + columns + " FROM read_parquet([" +
                         Joined(parquet.paths, QuotedText) + "], hive_partitioning = false)";
    if (parquet.at_most.has_value()) {
      select += " WHERE " + QuotedName(parquet.at_most->first) +
                " <= " + std::to_string(parquet.at_most->second);
    }
    return select;
  }

  Status Prepare() {
    Session* session = parts_->session.get();
    const DuckDb* duckdb = session->duckdb();
    duckdb_extracted_statements statements = nullptr;
    const idx_t count =
        duckdb->extract_statements(session->connection(), sql_.c_str(), &statements);
    Status status;
    if (count == 0) {
      status = session->Failed(duckdb->extract_statements_error(statements));
    } else if (count != 1) {
      status = Refused("one statement at a time is taken");
    } else if (duckdb->prepare_extracted_statement(session->connection(), statements, 0,
                                                   &parts_->prepared) != DuckDBSuccess) {
      status = session->Failed(duckdb->prepare_error(parts_->prepared));
    } else if (duckdb->prepared_statement_type(parts_->prepared) != DUCKDB_STATEMENT_TYPE_SELECT) {
      status = Refused("only SELECT statements are taken");
    } else if (duckdb->nparams(parts_->prepared) != 0) {
      status = Refused("parameters are not taken; write the values");
    }
    duckdb->destroy_extracted(&statements);
    return status;
  }

  Result<std::vector<TableUse>> FindUses() {
    std::vector<PlannedTable> planned;
    for (Named& table : tables_) {
      ARROW_RETURN_NOT_OK(FindTypes(&table));
      planned.push_back({.schema = table.view_schema,
                         .name = table.view_name,
                         .columns = table.schema->field_names(),
                         .types = table.types});
    }
    ARROW_ASSIGN_OR_RAISE(const auto columns, ColumnsRead(sql_, planned));
    std::vector<TableUse> uses;
    for (size_t i = 0; i < tables_.size(); ++i) {
      TableUse& use = uses.emplace_back(TableUse{.table = tables_[i].asked});
      for (const int column : columns[i]) {
        use.columns.push_back(tables_[i].schema->field(column)->name());
      }
    }
    return uses;
  }

  const std::shared_ptr<Parts> parts_;
  const uint64_t scan_bytes_max_;
  std::string tree_;  // as DuckDB parsed it
  std::string sql_;   // as DuckDB gets it
  std::vector<Named> tables_;
  std::optional<std::vector<TableUse>> uses_;
  std::optional<uint64_t> scan_bytes_;
};

}  // namespace

QueryEngine::QueryEngine() : spare_(std::make_unique<SpareSession>()) {}

QueryEngine::~QueryEngine() {
  std::error_code ignored;
  if (!spill_folder_.empty()) std::filesystem::remove_all(spill_folder_, ignored);
}

void QueryEngine::SetSpillFolder(std::string folder) {
  spill_folder_ = std::move(folder);
  std::error_code ignored;  // what cannot be removed is in nobody's way
  if (!spill_folder_.empty()) std::filesystem::remove_all(spill_folder_, ignored);
}

Result<std::unique_ptr<PreparedQuery>> QueryEngine::Prepare(const std::string& sql,
                                                            TableResolver* resolver,
                                                            const QueryOptions& options) {
  if (sql.size() > kStatementBytesMax) {
    return Refused("a statement has at most " + std::to_string(kStatementBytesMax) + " bytes");
  }
  if (!IsUtf8(sql) || sql.find('\0') != std::string::npos) {
    return Refused("a statement is UTF-8 text without null characters");
  }
  const QueryLimits limits{
      .memory_bytes = options.memory_bytes.value_or(limits_.memory_bytes),
      .spill_bytes = options.spill_bytes.value_or(limits_.spill_bytes),
      .threads = options.threads.value_or(limits_.threads),
      .timeout_ns = options.timeout_ns.value_or(limits_.timeout_ns),
  };
  const bool full = running_.fetch_add(1) >= limits_.queries;
  auto turn = std::make_unique<Turn>(&running_);
  if (full) {
    return Error(
        Code::kResourceExhausted, Reason::kOverBudget,
        std::to_string(limits_.queries) + " queries run already; try again when one ended");
  }
  std::string spill;
  std::string next_spill;
  if (!spill_folder_.empty() && limits.spill_bytes > 0) {
    std::error_code failed;
    spill = spill_folder_ + '/' + std::to_string(next_.fetch_add(1));
    next_spill = spill_folder_ + '/' + std::to_string(next_.fetch_add(1));
    std::filesystem::create_directories(spill_folder_, failed);
    if (failed) {
      return Error(
          Code::kUnavailable, Reason::kIo,
          "the folder for rows that do not fit in memory cannot be made: " + failed.message());
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto session,
                        spare_->Take(limits, std::move(spill), std::move(next_spill)));
  auto prepared =
      std::make_unique<Prepared>(std::move(turn), std::move(session), options.scan_bytes_max);
  ARROW_RETURN_NOT_OK(prepared->Start(sql, resolver));
  return prepared;
}

Result<std::unique_ptr<QueryResult>> QueryEngine::Run(const std::string& sql,
                                                      TableResolver* resolver,
                                                      const QueryOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto prepared, Prepare(sql, resolver, options));
  return prepared->Run();
}

}  // namespace firth::query
