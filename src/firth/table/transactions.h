// Transactions: changes of many tables that are gathered first and made in one commit, or not at
// all.
//
// A transaction is a small durable record: a snapshot, the steps so far, a version that rises with
// each change of them, and a deadline that heartbeats move. It survives a restart. Its own reads
// see the snapshot with its steps on top (`View`); nobody else sees anything before the commit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "firth/access/access.h"
#include "firth/table/steps.h"

namespace firth::table {

class Database;

enum class TransactionState : int {
  kRunning = 1,
  kCommitted = 2,
  kAborted = 3,
  kFailed = 4,   // its commit met what others had done
  kExpired = 5,  // its deadline passed
};

struct Transaction {
  std::string id;     // 32 hex digits
  std::string owner;  // the principal's name
  TransactionState state = TransactionState::kRunning;
  int64_t version = 1;
  CommitId snapshot;
  /// A view of an earlier time, which takes no changes.
  bool read_only = false;
  std::map<std::string, std::string> attributes;  // opaque, of the door that began it
  int64_t created_ns = 0;
  int64_t heartbeat_ns = 0;
  int64_t deadline_ns = 0;
  int64_t ended_ns = 0;
  int64_t committed_version = 0;  // that it had when it was committed
  int64_t commit_time_ns = 0;
  std::vector<Step> steps;
};

/// Thread-safe. Calls block on the disk. What is not a running transaction of this id gives
/// kTransactionNotFound or kTransactionEnded; another version than it has, kVersionMismatch.
class Transactions {
 public:
  /// How long one lives from its last heartbeat.
  static constexpr int64_t kLifetimeNs = int64_t{1800} * 1'000'000'000;
  /// How long its record is kept when it has ended.
  static constexpr int64_t kKeptNs = int64_t{7} * 24 * 3600 * 1'000'000'000;
  static constexpr size_t kStepsMax = 10'000;

  explicit Transactions(Database* database) : database_(database) {}

  /// Begin one on what stands now, or, to read only, on what stood at `as_of`.
  Result<Transaction> Begin(const access::Caller& caller, std::optional<CommitId> as_of,
                            std::map<std::string, std::string> attributes);
  /// As it stands; one whose deadline passed has expired. Its owner's, or an administrator's.
  Result<Transaction> Get(const access::Caller& caller, const std::string& id);
  Result<Transaction> Heartbeat(const access::Caller& caller, const std::string& id,
                                int64_t version);
  /// Add steps, which raises the version by one, together with changes of values. Errors: those of
  /// the steps on what the transaction sees; kNotAllowed.
  Result<Transaction> Add(const access::Caller& caller, const std::string& id, int64_t version,
                          const std::vector<Step>& steps,
                          const std::vector<catalog::ValueChange>& values);
  /// Make all steps in one commit, with what `values` gives for it. A repeat that names the version
  /// with which it was committed is answered as the first was. Error kConflict: it has failed.
  Result<Transaction> Commit(const access::Caller& caller, const std::string& id, int64_t version,
                             const std::vector<catalog::ValueChange>& values);
  Result<Transaction> Abort(const access::Caller& caller, const std::string& id, int64_t version,
                            const std::vector<catalog::ValueChange>& values);
  /// What it sees.
  Result<Overlay> View(const Transaction& transaction);
  /// End those whose deadline passed, forget those that ended long ago.
  Status Collect();

 private:
  struct Held {
    Transaction transaction;
    std::string text;  // as the catalog has it
  };
  Result<Held> Load(const std::string& id);
  Result<Held> Need(const access::Caller& caller, const std::string& id);
  Result<Held> NeedRunning(const access::Caller& caller, const std::string& id, int64_t version);
  Status Store(Held* held, std::vector<catalog::ValueChange> values);
  Status End(Held* held, TransactionState state, const std::vector<catalog::ValueChange>& values);
  std::shared_ptr<std::mutex> LockOf(const std::string& id);

  Database* const database_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<std::mutex>> locks_;  // guarded by mutex_
};

}  // namespace firth::table
