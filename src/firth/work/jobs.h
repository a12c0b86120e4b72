// Work that outlives calls and processes: a job is made, taken by a worker under a lease, and ends
// once. A worker that is gone loses its lease, and the job is ready again; whoever lost a lease can
// end nothing. Kinds, specifications and outcomes are opaque here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "firth/access/access.h"
#include "firth/catalog/catalog.h"
#include "firth/common/clock.h"
#include "firth/common/random.h"
#include "firth/common/status.h"

namespace firth::work {

inline constexpr size_t kJobBytesMax = size_t{1} << 20;  // of a specification, and of an outcome

enum class JobState { kReady, kRunning, kDone, kFailed, kCancelled };

struct Job {
  std::string id;    // 16 bytes
  std::string kind;  // chosen by who makes it: letters, digits, '.', '-', '_'
  access::Caller owner;
  std::string spec;
  JobState state = JobState::kReady;
  bool cancel_asked = false;  // the worker is to stop
  double progress = 0;        // of the whole, as the worker last said
  int attempts = 0;           // how often it was taken
  std::string outcome;        // of a job that is done
  Code code = Code::kOk;      // of a job that failed
  std::string message;        // the same, for people
  int64_t created_ns = 0;
  int64_t finished_ns = 0;
  std::string lease;  // names this taking; empty for all but its worker

  bool IsEnded() const { return state != JobState::kReady && state != JobState::kRunning; }
};

struct JobsOptions {
  catalog::Catalog* catalog = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  /// A worker's next heartbeat must come within it.
  int64_t lease_ns = int64_t{120} * 1'000'000'000;
  /// A job that was taken this often and never ended fails instead of being given out again.
  int attempts_max = 3;
  /// How long ended jobs are remembered.
  int64_t keep_ns = int64_t{24} * 3600 * 1'000'000'000;
  size_t jobs_max = 100'000;
};

/// Thread-safe. All calls block; what they change is durable on return. A process that opens them
/// is the only one: leases of an earlier one have ended. Errors: kJobNotFound; kLeaseLost where
/// `lease` does not name the job's present taking, as after its end; kOverBudget for too much text
/// and too many jobs.
class Jobs {
 public:
  static Result<std::unique_ptr<Jobs>> Open(const JobsOptions& options);

  /// Make a job; `changes` of the catalog are made in the same transaction.
  Result<Job> Add(const std::string& kind, const access::Caller& owner, const std::string& spec,
                  const std::vector<catalog::ValueChange>& changes = {});
  Result<Job> Get(const std::string& id);
  /// Of one kind that have not ended, oldest first.
  Result<std::vector<Job>> Open(const std::string& kind);

  /// Take the oldest job of a kind that is ready or whose lease has ended; none: nullopt.
  Result<std::optional<Job>> Take(const std::string& kind);
  /// Take this one; nullopt if it is not to be had.
  Result<std::optional<Job>> TakeThis(const std::string& id);
  /// Keep the lease. Tells whether the worker is to stop.
  Result<Job> Heartbeat(const std::string& id, const std::string& lease, double progress);
  /// End a job; `changes` of the catalog are made in the same transaction.
  Status Finish(const std::string& id, const std::string& lease, const std::string& outcome,
                const std::vector<catalog::ValueChange>& changes = {});
  Status Fail(const std::string& id, const std::string& lease, const Status& why);
  /// A job that is ready ends; of one that runs the worker is told, and then ends it with Fail. One
  /// that has ended stays as it is.
  Status Cancel(const std::string& id);

  /// Forget jobs that ended long ago; gives their ids, so that what belongs to them can go too.
  Result<std::vector<std::string>> ForgetOld();

 private:
  struct Known {
    std::string kind;
    int64_t created_ns = 0;
    int64_t finished_ns = 0;     // 0: has not ended
    int64_t lease_until_ns = 0;  // by the wall clock; 0: ready
  };
  using Changes = std::vector<catalog::ValueChange>;

  explicit Jobs(const JobsOptions& options) : options_(options) {}
  Status Load();
  Result<std::string> Text(const std::string& id);
  /// Replace a job's record, if it is still as it was read.
  Status Replace(const std::string& held, const Job& job, const Changes& changes = {});
  Result<Job> Held(const std::string& id, const std::string& lease, std::string* text);
  void Know(const Job& job, int64_t lease_until_ns);
  std::optional<std::string> NextOf(const std::string& kind);

  const JobsOptions options_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;                // guarded by mutex_; by id
  std::set<std::pair<int64_t, std::string>> by_age_;  // guarded by mutex_; not ended
};

}  // namespace firth::work
