#include "firth/query/session.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "firth/common/text.h"
#include "firth/query/sql_text.h"

namespace firth::query {
namespace {

constexpr size_t kMessageBytesMax = 300;
constexpr std::chrono::milliseconds kInterruptAgain{10};

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

Status Broken(const std::string& what) {
  return Error(Code::kInternal, Reason::kNone, what);
}

std::string Megabytes(uint64_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

}  // namespace

void Watch::Start(const DuckDb* duckdb, duckdb_connection connection, int64_t timeout_ns) {
  Stop();
  passed_ = false;
  thread_ = std::jthread([this, duckdb, connection, timeout_ns](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, std::chrono::nanoseconds(timeout_ns),
                   [this] { return cancelled_.load(); });
    passed_ = !cancelled_ && !stop.stop_requested();
    while (!stop.stop_requested()) {
      duckdb->interrupt(connection);
      wake_.wait_for(lock, stop, kInterruptAgain, [] { return false; });
    }
  });
}

void Watch::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Watch::Cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  wake_.notify_all();
}

int64_t Session::grace_ns() const {
  constexpr int64_t kMost = int64_t{5} * 1'000'000'000;
  return std::min(kMost, limits_.timeout_ns);
}

Result<std::unique_ptr<Session>> Session::Open(const QueryLimits& limits,
                                               std::string spill_folder) {
  ARROW_ASSIGN_OR_RAISE(const DuckDb* duckdb, LoadDuckDb());
  auto session = std::unique_ptr<Session>(new Session(duckdb, limits, std::move(spill_folder)));
  ARROW_RETURN_NOT_OK(session->Start());
  return session;
}

Session::~Session() {
  watch_.Stop();
  if (connection_ != nullptr) duckdb_->disconnect(&connection_);
  // No statement is left, so nothing reads the sources.
  sources_.clear();
  if (source_connection_ != nullptr) duckdb_->disconnect(&source_connection_);
  if (database_ != nullptr) duckdb_->close(&database_);
  std::error_code ignored;  // what stays behind is removed at the next start
  if (!spill_folder_.empty()) std::filesystem::remove_all(spill_folder_, ignored);
}

Status Session::Start() {
  duckdb_config config = nullptr;
  duckdb_->create_config(&config);
  // The folder for spilled rows can be set only while the file system may be used.
  const bool spills = !spill_folder_.empty() && limits_.spill_bytes > 0;
  std::vector<std::pair<const char*, std::string>> settings = {
      {"temp_directory", spills ? spill_folder_ : ""},
      {"autoload_known_extensions", "false"},
      {"autoinstall_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      {"allow_unsigned_extensions", "false"},
      {"memory_limit", std::to_string(limits_.memory_bytes) + "B"},
      {"threads", std::to_string(std::max(1, limits_.threads))},
  };
  Status failed;
  for (const auto& [name, value] : settings) {
    if (duckdb_->set_config(config, name, value.c_str()) != DuckDBSuccess && failed.ok()) {
      failed = Broken(std::string("DuckDB does not take the setting ") + name);
    }
  }
  char* text = nullptr;
  if (failed.ok() && duckdb_->open_ext(nullptr, &database_, config, &text) != DuckDBSuccess) {
    failed = Broken("DuckDB does not open: " + FirstLine(text));
  }
  if (text != nullptr) duckdb_->free(text);
  duckdb_->destroy_config(&config);
  ARROW_RETURN_NOT_OK(failed);
  if (duckdb_->connect(database_, &connection_) != DuckDBSuccess ||
      duckdb_->connect(database_, &source_connection_) != DuckDBSuccess) {
    return Broken("DuckDB gives no connection");
  }
  if (spills) {
    const std::string most = std::to_string(limits_.spill_bytes) + "B";
    ARROW_RETURN_NOT_OK(Do("SET GLOBAL max_temp_directory_size = " + QuotedText(most)).status());
  }
  ARROW_RETURN_NOT_OK(Do("SET GLOBAL TimeZone = 'UTC'").status());
  ARROW_RETURN_NOT_OK(Do("SET enable_progress_bar = true").status());
  return Do("SET enable_progress_bar_print = false").status();
}

Result<TextRows> Session::Do(const std::string& sql, const std::vector<std::string>& parameters) {
  duckdb_prepared_statement statement = nullptr;
  duckdb_result result{};
  TextRows rows;
  Status status;
  if (duckdb_->prepare(connection_, sql.c_str(), &statement) != DuckDBSuccess) {
    status = Failed(duckdb_->prepare_error(statement));
  } else {
    for (size_t i = 0; i < parameters.size(); ++i) {
      duckdb_->bind_varchar(statement, i + 1, parameters[i].c_str());
    }
    if (duckdb_->execute_prepared(statement, &result) != DuckDBSuccess) {
      status = Failed(duckdb_->result_error(&result));
    } else {
      const idx_t columns = duckdb_->column_count(&result);
      for (idx_t row = 0; row < duckdb_->row_count(&result); ++row) {
        auto& values = rows.emplace_back();
        for (idx_t column = 0; column < columns; ++column) {
          char* value = duckdb_->value_varchar(&result, column, row);
          values.emplace_back(value == nullptr ? "" : value);
          duckdb_->free(value);
        }
      }
    }
    duckdb_->destroy_result(&result);
  }
  duckdb_->destroy_prepare(&statement);
  ARROW_RETURN_NOT_OK(status);
  return rows;
}

Status Session::AddFunction(const std::string& name, ResolvedTable table) {
  ARROW_ASSIGN_OR_RAISE(auto source,
                        TableSource::Make(duckdb_, source_connection_, std::move(table)));
  return sources_.emplace_back(std::move(source))->Register(name);
}

Status Session::Close(const std::vector<std::string>& paths) {
  if (!paths.empty()) {
    ARROW_RETURN_NOT_OK(
        Do("SET GLOBAL allowed_paths = [" + Joined(paths, QuotedText) + "]").status());
  }
  return Do("SET GLOBAL enable_external_access = false").status();
}

Status Session::Lock() {
  return Do("SET GLOBAL lock_configuration = true").status();
}

Status Session::ErrorAtEnd() {
  if (watch_.passed() || watch_.cancelled()) return Failed("");
  for (const auto& source : sources_) ARROW_RETURN_NOT_OK(source->error());
  return Status::OK();
}

Status Session::Take(duckdb_error_data failed) {
  Status status;
  if (failed != nullptr && duckdb_->error_data_has_error(failed)) {
    status = Failed(duckdb_->error_data_message(failed));
  }
  duckdb_->destroy_error_data(&failed);
  return status;
}

Status Session::Failed(const char* text) {
  if (watch_.cancelled()) return Error(Code::kCancelled, Reason::kNone, "the query was cancelled");
  for (const auto& source : sources_) ARROW_RETURN_NOT_OK(source->error());
  if (watch_.passed()) {
    return Error(
        Code::kDeadlineExceeded, Reason::kNone,
        "the query took longer than " + std::to_string(limits_.timeout_ns / 1'000'000) + " ms");
  }
  const std::string line = FirstLine(text);
  if (line.starts_with("Out of Memory Error")) {
    const bool spills = !spill_folder_.empty() && limits_.spill_bytes > 0;
    return Error(Code::kResourceExhausted, Reason::kOverBudget,
                 "the query needs more than the " + Megabytes(limits_.memory_bytes) + " of memory" +
                     (spills ? " and " + Megabytes(limits_.spill_bytes) + " of disk" : "") +
                     " that it may have");
  }
  if (line.starts_with("INTERNAL Error") || line.starts_with("FATAL Error")) {
    return Broken(line);
  }
  return Refused(line);
}

}  // namespace firth::query
