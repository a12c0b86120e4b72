#include "firth/query/query_engine.h"

#include <arrow/util/byte_size.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/query/plan_filters.h"
#include "firth/query/result_rows.h"
#include "firth/query/scan_bytes.h"
#include "firth/query/session.h"
#include "firth/query/spare_session.h"
#include "firth/query/sql_text.h"
#include "firth/query/statement.h"
#include "firth/query/statement_limits.h"
#include "firth/query/table_resolver.h"
#include "firth/query/worker.h"
#include "firth/store/own_folder.h"

namespace firth::query {
namespace {

/// Where tables stand whose past is asked for; no statement can name it.
constexpr char kPastSchema[] = "firth_past";

/// Longer statements are planned once only.
constexpr size_t kFilteredBytesMax = size_t{64} << 10;
/// Names in a parse tree, of what may keep rows out.
constexpr const char* kConditions[] = {"\"where_clause\"", "\"condition\"", "\"having\"",
                                       "\"qualify\"", "\"using_columns\""};

/// How long the end of the engine waits for queries that were given up, and how often it looks.
constexpr std::chrono::milliseconds kEndWait{10'000};
constexpr std::chrono::milliseconds kStep{10};

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

  /// Run a call into DuckDB; false if it does not end. It must hold these parts.
  bool Call(std::function<void()> call) {
    return worker.Run(std::move(call), session->watch(), session->grace_ns());
  }

  std::unique_ptr<Turn> turn;
  Worker worker;
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
    if (parts_->session->cancelled()) return parts_->session->Failed("");
    const auto read = std::make_shared<Result<BatchPtr>>(BatchPtr());
    if (!parts_->Call([parts = parts_, read] { *read = Fetch(parts.get()); })) {
      return parts_->session->Failed("");
    }
    ARROW_ASSIGN_OR_RAISE(*rows, *read);
    if (*rows == nullptr) return Status::OK();
    given_rows_ += (*rows)->num_rows();
    given_bytes_ += static_cast<uint64_t>(arrow::util::ReferencedBufferSize(**rows).ValueOr(0));
    return Status::OK();
  }

  void Cancel() override { parts_->session->Cancel(); }

  QueryProgress progress() override {
    QueryProgress progress{
        .part = parts_->session->progress() / 100, .rows = given_rows_, .bytes = given_bytes_};
    for (const auto& source : parts_->session->sources()) {
      progress.rows_read += source->rows_read();
      progress.bytes_read += source->bytes_read();
    }
    return progress;
  }

 private:
  using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

  /// The next rows, null at the end.
  static Result<BatchPtr> Fetch(Parts* parts) {
    Session* session = parts->session.get();
    if (!parts->has_result) ARROW_RETURN_NOT_OK(Begin(parts));
    for (;;) {
      if (session->cancelled()) return session->Failed("");
      duckdb_data_chunk chunk = session->duckdb()->fetch_chunk(parts->result);
      if (chunk == nullptr) {
        if (const char* text = session->duckdb()->result_error(&parts->result); text != nullptr) {
          return session->Failed(text);
        }
        session->StopWatch();
        ARROW_RETURN_NOT_OK(session->ErrorAtEnd());
        return nullptr;
      }
      auto read = parts->rows->ToArrow(chunk);
      session->duckdb()->destroy_data_chunk(&chunk);
      ARROW_RETURN_NOT_OK(read.status());
      if ((*read)->num_rows() > 0) return read;
    }
  }

  /// What comes before the first row may be the most of the work.
  static Status Begin(Parts* parts) {
    Session* session = parts->session.get();
    parts->has_result = true;
    if (session->duckdb()->execute_prepared_streaming(parts->prepared, &parts->result) ==
        DuckDBSuccess) {
      return Status::OK();
    }
    return session->Failed(session->duckdb()->result_error(&parts->result));
  }

  const std::shared_ptr<Parts> parts_;
  std::atomic<int64_t> given_rows_{0};
  std::atomic<uint64_t> given_bytes_{0};
};

/// A statement while it is prepared, and then.
class Work {
 public:
  Work(std::unique_ptr<Turn> turn, std::unique_ptr<Session> session, uint64_t scan_bytes_max)
      : parts_(std::make_shared<Parts>()), scan_bytes_max_(scan_bytes_max) {
    parts_->turn = std::move(turn);
    parts_->session = std::move(session);
  }

  /// Understand a statement, within the time that a query has. `work` is this.
  static Status Start(const std::shared_ptr<Work>& work, const std::string& sql,
                      TableResolver* resolver) {
    ARROW_RETURN_NOT_OK(work->Read(sql, resolver));
    // To plan is to evaluate what is constant.
    Session* session = work->parts_->session.get();
    session->StartWatch();
    const auto bound = std::make_shared<Status>();
    if (!work->parts_->Call([work, bound] { *bound = work->Bind(); })) return session->Failed("");
    session->StopWatch();
    return *bound;
  }

  const std::shared_ptr<arrow::Schema>& schema() const { return parts_->rows->schema(); }

  Result<std::vector<TableUse>> Tables() {
    if (!uses_.has_value()) {
      ARROW_ASSIGN_OR_RAISE(uses_, FindUses());
    }
    return *uses_;
  }

  Result<uint64_t> ScanBytes() {
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

  Result<std::string> Plan() {
    ARROW_ASSIGN_OR_RAISE(const auto plan, parts_->session->Do("EXPLAIN " + sql_));
    std::string text;
    for (const auto& row : plan) text += row.size() < 2 ? "" : row[1];
    return text;
  }

  Result<std::unique_ptr<QueryResult>> Run() {
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
    const auto& sources = parts_->session->sources();
    for (size_t i = 0; i < tables_.size(); ++i) sources[i]->Begin(std::move(tables_[i].filter));
    parts_->session->StartWatch();
    parts_->ran = true;
    return std::make_unique<Rows>(parts_);
  }

 private:
  Status Read(const std::string& sql, TableResolver* resolver) {
    ARROW_RETURN_NOT_OK(ReadStatement(sql));
    ARROW_RETURN_NOT_OK(ResolveTables(resolver));
    ARROW_RETURN_NOT_OK(CheckLimits(tree_, [this](const TableName& name) {
      const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const Named& table) {
        return table.name.schema == name.schema && table.name.name == name.name;
      });
      return found == tables_.end() ? 1 : found->schema->num_fields();
    }));
    return Status::OK();
  }

  Status Bind() {
    std::vector<std::string> paths;
    for (const Named& table : tables_) {
      for (const ParquetRows& rows : table.parquet) {
        paths.insert(paths.end(), rows.paths.begin(), rows.paths.end());
      }
    }
    // Until here nothing of the statement was run or bound.
    ARROW_RETURN_NOT_OK(parts_->session->Close(paths));
    for (Named& table : tables_) ARROW_RETURN_NOT_OK(AddView(&table));
    if (MayFilter()) ARROW_RETURN_NOT_OK(FindFilters());
    ARROW_RETURN_NOT_OK(parts_->session->Lock());
    for (Named& table : tables_) ARROW_RETURN_NOT_OK(AddFiles(&table));
    ARROW_RETURN_NOT_OK(Prepare());
    parts_->rows = std::make_unique<ResultRows>(parts_->session.get());
    return parts_->rows->Describe(parts_->prepared);
  }

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
    bool has_rest = false;     // are there rows beside those?
    schema::RowFilter filter;  // what the statement wants of these
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

  /// A view over the table's function alone.
  Status AddView(Named* table) {
    Session* session = parts_->session.get();
    if (!table->view_schema.empty()) {
      ARROW_RETURN_NOT_OK(
          session->Do("CREATE SCHEMA IF NOT EXISTS " + QuotedName(table->view_schema)).status());
    }
    return session->Do("CREATE VIEW " + table->view + " AS SELECT * FROM " + table->function + "()")
        .status();
  }

  /// The rows that DuckDB reads by itself, beside those of the function.
  Status AddFiles(Named* table) {
    if (table->parquet.empty()) return Status::OK();
    ARROW_RETURN_NOT_OK(FindTypes(table));
    std::string rows;
    for (const ParquetRows& parquet : table->parquet) {
      ARROW_ASSIGN_OR_RAISE(const std::string part, SelectOf(*table, parquet));
      rows += (rows.empty() ? "" : " UNION ALL ") + part;
    }
    if (table->has_rest) rows += " UNION ALL SELECT * FROM " + table->function + "()";
    return parts_->session->Do("CREATE OR REPLACE VIEW " + table->view + " AS " + rows).status();
  }

  /// Does the statement have conditions, and are there rows that we read for it? It is planned once
  /// more to find what it wants of them.
  bool MayFilter() const {
    const bool reads = std::any_of(tables_.begin(), tables_.end(),
                                   [](const Named& table) { return table.has_rest; });
    if (!reads || sql_.size() > kFilteredBytesMax) return false;
    return std::any_of(std::begin(kConditions), std::end(kConditions),
                       [&](const char* one) { return tree_.find(one) != std::string::npos; });
  }

  Status FindFilters() {
    const auto& sources = parts_->session->sources();
    std::vector<PlannedFunction> functions;
    for (size_t i = 0; i < tables_.size(); ++i) {
      functions.push_back({.name = tables_[i].function, .schema = sources[i]->schema()});
    }
    ARROW_ASSIGN_OR_RAISE(auto filters, FiltersOf(parts_->session.get(), sql_, functions));
    for (size_t i = 0; i < tables_.size(); ++i) tables_[i].filter = std::move(filters[i]);
    return Status::OK();
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

/// Wait until no query runs. One that was given up may never end, and all that is durable is so:
/// then the process ends as it would when it is killed.
void AwaitNone(const std::atomic<int>& running) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  for (std::chrono::milliseconds waited{0}; running > 0; waited += kStep) {
    if (waited >= kEndWait) {
      logging::Error("query", "{} queries cannot be interrupted; the process ends without them",
                     running.load());
      std::_Exit(0);
    }
    never.wait_for(lock, kStep);
  }
}

class Prepared : public PreparedQuery {
 public:
  explicit Prepared(std::shared_ptr<Work> work) : work_(std::move(work)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return work_->schema(); }
  Result<std::vector<TableUse>> Tables() override { return work_->Tables(); }
  Result<uint64_t> ScanBytes() override { return work_->ScanBytes(); }
  Result<std::string> Plan() override { return work_->Plan(); }
  Result<std::unique_ptr<QueryResult>> Run() override { return work_->Run(); }

 private:
  const std::shared_ptr<Work> work_;
};

}  // namespace

QueryEngine::QueryEngine() : spare_(std::make_unique<SpareSession>()) {}

QueryEngine::~QueryEngine() {
  AwaitNone(running_);
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
    spill = spill_folder_ + '/' + std::to_string(next_.fetch_add(1));
    next_spill = spill_folder_ + '/' + std::to_string(next_.fetch_add(1));
    ARROW_RETURN_NOT_OK(store::MakeOwnFolder(spill_folder_));  // its files are readable for all
  }
  ARROW_ASSIGN_OR_RAISE(auto session,
                        spare_->Take(limits, std::move(spill), std::move(next_spill)));
  const auto work =
      std::make_shared<Work>(std::move(turn), std::move(session), options.scan_bytes_max);
  ARROW_RETURN_NOT_OK(Work::Start(work, sql, resolver));
  return std::make_unique<Prepared>(work);
}

Result<std::unique_ptr<QueryResult>> QueryEngine::Run(const std::string& sql,
                                                      TableResolver* resolver,
                                                      const QueryOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto prepared, Prepare(sql, resolver, options));
  return prepared->Run();
}

}  // namespace firth::query
