// The warehouse: SQL over every record that was accepted. A query is a job: it is analyzed at once,
// runs beside its call, survives the process, and leaves a result that is read by row.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "firth/common/executor.h"
#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/dialect.h"
#include "firth/doors/beneath/reading.h"
#include "firth/table/database.h"
#include "firth/work/jobs.h"
#include "firth/work/results.h"

namespace firth::doors::beneath {

struct WarehouseQuery {
  std::string sql;
  bool dry_run = false;
  int64_t timeout_ms = 0;         // 0: the default
  int64_t max_bytes_scanned = 0;  // 0: no limit
};

/// A job as its owner sees it.
struct WarehouseJob {
  enum class State { kPending, kRunning, kDone };
  std::string id;  // 16 bytes; empty: nothing was run
  State state = State::kDone;
  std::string error;
  std::string avro_schema;
  std::vector<EditionId> editions;
  int64_t bytes_scanned = 0;
  int64_t rows = 0;
  int64_t bytes = 0;
};

struct WarehouseParts {
  table::Database* database = nullptr;
  Facts* facts = nullptr;
  Rights* rights = nullptr;
  TableFactsCache* tables = nullptr;
  Control* control = nullptr;
  access::Metering* metering = nullptr;
};

/// Thread-safe; calls block.
class Warehouse {
 public:
  /// Opens the jobs that there are; those that a stop interrupted run again.
  static Result<std::unique_ptr<Warehouse>> Open(const WarehouseParts& parts);
  ~Warehouse();

  /// Analyze, check rights, limits and quotas, and run. Returns when the job is done or after a
  /// second.
  Result<WarehouseJob> Query(const Requester& who, const WarehouseQuery& query);
  Result<WarehouseJob> Poll(const Requester& who, const std::string& id);
  /// Rows of a result, for the cursor that Query or Poll told of.
  Result<Page> Read(const Requester& who, const Cursor& cursor, int64_t limit);
  /// Interrupt what runs; it runs again after the next start.
  void Stop();

 private:
  /// A statement with its tables, as they stood at one commit.
  struct Analyzed {
    std::string sql;
    int64_t now_us = 0;
    CommitId as_of{0};
    std::map<std::string, table::TablePtr> tables;
    std::map<std::string, TableFactsPtr> facts;
    Translation translation;
  };
  /// A job that runs in this process.
  struct Running {
    std::mutex mutex;
    std::condition_variable ended;
    bool has_ended = false;                // guarded by mutex
    table::QueryResult* result = nullptr;  // guarded by mutex
  };
  using RunningPtr = std::shared_ptr<Running>;

  explicit Warehouse(const WarehouseParts& parts);
  Status Start();
  /// Of the tables' primary instances, or of these editions.
  Result<Analyzed> Analyze(const Requester* who, const std::string& sql, int64_t now_us,
                           CommitId as_of, const std::map<std::string, EditionId>& editions);
  Result<table::TablePtr> TableNamed(const Requester* who, const std::string& path);
  Result<std::unique_ptr<table::PreparedQuery>> Prepare(const Analyzed& analyzed,
                                                        const std::string& sql, int64_t timeout_ms);
  Result<int64_t> BytesScanned(const Analyzed& analyzed);
  Result<int64_t> SizeOf(const Analyzed& analyzed, const std::string& path);
  RunningPtr Begin(const std::string& id);
  void Run(const std::string& id, const RunningPtr& running);
  Result<std::string> RunTaken(const work::Job& job, const RunningPtr& running);
  Result<Json> WriteRows(const work::Job& job, const Translation& translation,
                         table::QueryResult* rows);
  Result<WarehouseJob> Show(const work::Job& job);
  Status CheckReadable(const Requester& who, const work::Job& job);
  void ForgetOld();

  const WarehouseParts parts_;
  std::unique_ptr<work::Jobs> jobs_;
  work::Results results_;
  std::unique_ptr<ThreadPool> pool_;

  struct Size {
    CommitId as_of{0};
    int64_t bytes = 0;
  };
  std::mutex mutex_;
  bool stopping_ = false;                                    // guarded by mutex_
  std::set<RunningPtr> running_;                             // guarded by mutex_
  std::map<std::pair<EditionId, std::string>, Size> sizes_;  // guarded by mutex_
  int64_t forgotten_ns_ = 0;                                 // guarded by mutex_
};

}  // namespace firth::doors::beneath
