// Random work on a Database: each step does one thing through its interface, and tells the
// candidates what may be there from then on.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "firth/table/write.h"
#include "sim/model.h"
#include "sim/world.h"

namespace firth::sim {

inline constexpr char kTablesName[] = "t";
inline constexpr char kValuesPrefix[] = "sim/";

class Workload {
 public:
  Workload(World* world, Candidates* candidates) : world_(world), candidates_(candidates) {}

  /// Do one thing. Not OK when the database did what it may not; an error of the database is
  /// expected once a fault was met, and then nothing is known of that write until it is looked at.
  Status Step();
  /// After a restart: send again what was acknowledged last, which must be known as a repeat.
  Status RepeatLast();
  /// Compare what is there with the candidates; with `restarted`, what else was under way is lost.
  Status Check(bool restarted);
  /// How often each kind of step was done to its end.
  const std::map<std::string, uint64_t>& done() const { return done_; }

 private:
  struct Batch {
    std::string path;
    table::BucketRef where;
    std::shared_ptr<arrow::Buffer> bytes;
    Offset base_offset{0};
  };
  using Tables = std::vector<std::string>;

  /// Run one write that is all or nothing, and judge its answer.
  Status Write(const char* what, const Model& after, const std::function<Status()>& run);
  Status Judge(const char* what, const Status& answer);
  /// One write of a burst was refused.
  void Refused(uint64_t write, const Status& why);
  /// Of a burst, after the executor has nothing more to do.
  Status CheckBurst();
  Tables Find(bool keyed);
  std::string Any(const Tables& tables);
  Result<table::TablePtr> Get(const std::string& path);
  std::vector<Row> NewRows(size_t count_max);

  Status CreateTable();
  Status DropOrRename();
  Status AddColumn();
  Status Append();
  Status AppendPartitioned();
  Status AppendBurst();
  Status Upsert();
  Status UpsertBurst();
  Status Delete();
  Status WriteMany();
  Status AddFiles();
  Status ChangeValue();
  Status ChangeSeries();
  Status CutFiles();
  Status Trim();
  Status CloseAndOpen();
  Status Idle();

  World* const world_;
  Candidates* const candidates_;
  int64_t next_value_ = 0;
  int next_table_ = 0;
  int next_upload_ = 0;
  int next_operation_ = 0;
  int64_t writer_ = 1;  // another after each restart: what the last one had under way may be lost
  std::map<std::string, int32_t> sequences_;  // of the writer, by table and bucket
  Status refused_;
  std::optional<Batch> last_batch_;  // that was acknowledged
  std::optional<table::Operation> last_operation_;
  CommitId last_operation_commit_{0};
  std::map<std::string, uint64_t> done_;
};

}  // namespace firth::sim
