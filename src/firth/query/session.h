// A DuckDB in memory of one query's own: its settings, its statements, its end.
#pragma once

#include <duckdb.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "firth/query/duckdb_library.h"
#include "firth/query/query_engine.h"
#include "firth/query/table_resolver.h"
#include "firth/query/table_source.h"

namespace firth::query {

/// Interrupts a connection when its time is over, or somebody wants it to end; again and again,
/// because an interruption between two statements does nothing.
class Watch {
 public:
  ~Watch() { Stop(); }
  void Start(const DuckDb* duckdb, duckdb_connection connection, int64_t timeout_ns);
  void Stop();
  /// Any thread.
  void Cancel();
  bool passed() const { return passed_; }
  bool cancelled() const { return cancelled_; }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::atomic<bool> passed_{false};
  std::atomic<bool> cancelled_{false};
  std::jthread thread_;
};

/// Rows of a statement of our own, every value as text, empty for null.
using TextRows = std::vector<std::vector<std::string>>;

/// One thread at a time, but for Cancel and progress.
class Session {
 public:
  /// `spill_folder`: where rows are spilled to; removed with the session. Empty: nowhere.
  static Result<std::unique_ptr<Session>> Open(const QueryLimits& limits, std::string spill_folder);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Run a statement of our own, with parameters of text.
  Result<TextRows> Do(const std::string& sql, const std::vector<std::string>& parameters = {});
  /// Give the rows of a table under a name, as a function without parameters.
  Status AddFunction(const std::string& name, ResolvedTable table);
  /// Of the functions that were added, in their order.
  const std::vector<std::unique_ptr<TableSource>>& sources() const { return sources_; }
  /// From here on nothing of the system can be reached but these files.
  Status Close(const std::vector<std::string>& paths);
  /// From here on no setting can be changed.
  Status Lock();

  /// An error of DuckDB's as ours: what the tables said first, and why it was ended.
  Status Failed(const char* text);
  Status Take(duckdb_error_data failed);
  /// Why there are no more rows, if it is for an error.
  Status ErrorAtEnd();

  /// The time of the query runs from here to Stop.
  void StartWatch() { watch_.Start(duckdb_, connection_, limits_.timeout_ns); }
  void StopWatch() { watch_.Stop(); }
  void Cancel() { watch_.Cancel(); }
  const Watch& watch() const { return watch_; }
  /// How long a call may go on after it was told to end.
  int64_t grace_ns() const;
  bool cancelled() const { return watch_.cancelled(); }
  /// In percent; negative: unknown.
  double progress() const { return duckdb_->query_progress(connection_).percentage; }

  void SetTimeout(int64_t timeout_ns) { limits_.timeout_ns = timeout_ns; }
  const DuckDb* duckdb() const { return duckdb_; }
  duckdb_connection connection() const { return connection_; }
  const QueryLimits& limits() const { return limits_; }

 private:
  Session(const DuckDb* duckdb, const QueryLimits& limits, std::string spill_folder)
      : duckdb_(duckdb), limits_(limits), spill_folder_(std::move(spill_folder)) {}
  Status Start();

  const DuckDb* const duckdb_;
  QueryLimits limits_;
  const std::string spill_folder_;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  duckdb_connection source_connection_ = nullptr;  // converts the tables' rows
  std::vector<std::unique_ptr<TableSource>> sources_;
  Watch watch_;
};

}  // namespace firth::query
