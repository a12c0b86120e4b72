#include "firth/table/transactions.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "firth/common/random.h"
#include "firth/common/text.h"
#include "firth/table/database.h"

namespace firth::table {
namespace {

using nlohmann::json;

constexpr char kBegin[] = "transaction/";
constexpr char kEnd[] = "transaction0";
constexpr int64_t kRoundMax = 10'000;

std::string NameOf(const std::string& id) {
  return kBegin + id;
}

Status NotFound(const std::string& id) {
  return Error(Code::kNotFound, Reason::kTransactionNotFound,
               "there is no transaction '" + id.substr(0, 64) + "'");
}

Status Ended(const Transaction& transaction) {
  static constexpr const char* kNames[] = {"",        "running", "committed",
                                           "aborted", "failed",  "expired"};
  return Error(Code::kFailedPrecondition, Reason::kTransactionEnded,
               "the transaction is " + std::string(kNames[static_cast<int>(transaction.state)]));
}

Result<std::string> Encode(const Transaction& transaction) {
  ARROW_ASSIGN_OR_RAISE(const std::string steps, EncodeSteps(transaction.steps));
  const json record = {{"id", transaction.id},
                       {"owner", transaction.owner},
                       {"state", static_cast<int>(transaction.state)},
                       {"version", transaction.version},
                       {"snapshot", transaction.snapshot.value},
                       {"read_only", transaction.read_only},
                       {"attributes", transaction.attributes},
                       {"created_ns", transaction.created_ns},
                       {"heartbeat_ns", transaction.heartbeat_ns},
                       {"deadline_ns", transaction.deadline_ns},
                       {"ended_ns", transaction.ended_ns},
                       {"committed_version", transaction.committed_version},
                       {"commit_time_ns", transaction.commit_time_ns},
                       {"steps", steps}};
  return record.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Transaction> Decode(const std::string& text) {
  try {
    const json record = json::parse(text);
    Transaction transaction;
    record.at("id").get_to(transaction.id);
    record.at("owner").get_to(transaction.owner);
    transaction.state = static_cast<TransactionState>(record.at("state").get<int>());
    record.at("version").get_to(transaction.version);
    transaction.snapshot = CommitId(record.at("snapshot").get<int64_t>());
    record.at("read_only").get_to(transaction.read_only);
    record.at("attributes").get_to(transaction.attributes);
    record.at("created_ns").get_to(transaction.created_ns);
    record.at("heartbeat_ns").get_to(transaction.heartbeat_ns);
    record.at("deadline_ns").get_to(transaction.deadline_ns);
    record.at("ended_ns").get_to(transaction.ended_ns);
    record.at("committed_version").get_to(transaction.committed_version);
    record.at("commit_time_ns").get_to(transaction.commit_time_ns);
    ARROW_ASSIGN_OR_RAISE(transaction.steps,
                          DecodeSteps(record.at("steps").get_ref<const std::string&>()));
    return transaction;
  } catch (const json::exception& error) {
    return Error(Code::kDataLoss, Reason::kNone,
                 std::string("a transaction's record cannot be read: ") + error.what());
  }
}

/// The uploads of a transaction that came to nothing are kept no longer.
void LetUploadsGo(const Transaction& transaction, int64_t now_ns,
                  std::vector<catalog::ValueChange>* values) {
  for (const Step& step : transaction.steps) {
    for (const std::string& upload : step.files.uploads) {
      values->push_back(FileStore::KeepUpload(upload, now_ns));
    }
  }
}

}  // namespace

std::shared_ptr<std::mutex> Transactions::LockOf(const std::string& id) {
  std::lock_guard lock(mutex_);
  std::erase_if(locks_, [](const auto& held) { return held.second.expired(); });
  auto& held = locks_[id];
  auto found = held.lock();
  if (found == nullptr) {
    found = std::make_shared<std::mutex>();
    held = found;
  }
  return found;
}

Result<Transactions::Held> Transactions::Load(const std::string& id) {
  if (id.size() != 32) return NotFound(id);
  ARROW_ASSIGN_OR_RAISE(const auto text, database_->catalog()->GetValue(NameOf(id)));
  if (!text.has_value()) return NotFound(id);
  ARROW_ASSIGN_OR_RAISE(Transaction transaction, Decode(*text));
  return Held{.transaction = std::move(transaction), .text = *text};
}

Result<Transactions::Held> Transactions::Need(const access::Caller& caller, const std::string& id) {
  ARROW_ASSIGN_OR_RAISE(Held held, Load(id));
  if (held.transaction.owner != caller.name) {
    ARROW_RETURN_NOT_OK(database_->access()->Check(caller, access::kAdmin, Path{}));
  }
  if (held.transaction.state == TransactionState::kRunning &&
      held.transaction.deadline_ns < database_->clock().NowNs()) {
    ARROW_RETURN_NOT_OK(End(&held, TransactionState::kExpired, {}));
  }
  return held;
}

Result<Transactions::Held> Transactions::NeedRunning(const access::Caller& caller,
                                                     const std::string& id, int64_t version) {
  ARROW_ASSIGN_OR_RAISE(Held held, Need(caller, id));
  if (held.transaction.state != TransactionState::kRunning) return Ended(held.transaction);
  if (held.transaction.version == version) return held;
  return Error(Code::kFailedPrecondition, Reason::kVersionMismatch,
               "the transaction has version " + std::to_string(held.transaction.version) +
                   ", not " + std::to_string(version));
}

Status Transactions::Store(Held* held, std::vector<catalog::ValueChange> values) {
  ARROW_ASSIGN_OR_RAISE(std::string text, Encode(held->transaction));
  values.push_back({.name = NameOf(held->transaction.id),
                    .value = text,
                    .compare = true,
                    .expected = held->text});
  ARROW_RETURN_NOT_OK(database_->catalog()->ChangeValues(values));
  held->text = std::move(text);
  return Status::OK();
}

Status Transactions::End(Held* held, TransactionState state,
                         const std::vector<catalog::ValueChange>& values) {
  auto all = values;
  const int64_t now_ns = database_->clock().NowNs();
  LetUploadsGo(held->transaction, now_ns, &all);
  held->transaction.state = state;
  held->transaction.ended_ns = now_ns;
  return Store(held, std::move(all));
}

Result<Transaction> Transactions::Begin(const access::Caller& caller, std::optional<CommitId> as_of,
                                        std::map<std::string, std::string> attributes) {
  Transaction transaction;
  transaction.id = ToHex(database_->random()->Uuid());
  transaction.owner = caller.name;
  transaction.snapshot = as_of.value_or(database_->LastCommit());
  transaction.read_only = as_of.has_value();
  transaction.attributes = std::move(attributes);
  transaction.created_ns = database_->clock().NowNs();
  transaction.heartbeat_ns = transaction.created_ns;
  transaction.deadline_ns = transaction.created_ns + kLifetimeNs;
  ARROW_ASSIGN_OR_RAISE(const std::string text, Encode(transaction));
  ARROW_RETURN_NOT_OK(database_->catalog()->ChangeValues(
      {{.name = NameOf(transaction.id), .value = text, .compare = true}}));
  return transaction;
}

Result<Transaction> Transactions::Get(const access::Caller& caller, const std::string& id) {
  const auto lock = LockOf(id);
  std::lock_guard guard(*lock);
  ARROW_ASSIGN_OR_RAISE(Held held, Need(caller, id));
  return std::move(held.transaction);
}

Result<Transaction> Transactions::Heartbeat(const access::Caller& caller, const std::string& id,
                                            int64_t version) {
  const auto lock = LockOf(id);
  std::lock_guard guard(*lock);
  ARROW_ASSIGN_OR_RAISE(Held held, NeedRunning(caller, id, version));
  held.transaction.heartbeat_ns = database_->clock().NowNs();
  held.transaction.deadline_ns = held.transaction.heartbeat_ns + kLifetimeNs;
  ARROW_RETURN_NOT_OK(Store(&held, {}));
  return std::move(held.transaction);
}

Result<Transaction> Transactions::Add(const access::Caller& caller, const std::string& id,
                                      int64_t version, const std::vector<Step>& steps,
                                      const std::vector<catalog::ValueChange>& values) {
  const auto lock = LockOf(id);
  std::lock_guard guard(*lock);
  ARROW_ASSIGN_OR_RAISE(Held held, NeedRunning(caller, id, version));
  Transaction& transaction = held.transaction;
  if (transaction.read_only) {
    return Error(Code::kFailedPrecondition, Reason::kNotAllowed,
                 "the transaction shows an earlier time and takes no changes");
  }
  if (transaction.steps.size() + steps.size() > kStepsMax) {
    return Error(Code::kResourceExhausted, Reason::kOverBudget,
                 "a transaction has at most " + std::to_string(kStepsMax) + " steps");
  }
  ARROW_RETURN_NOT_OK(CheckStepRights(database_->access(), caller, steps));
  ARROW_ASSIGN_OR_RAISE(Overlay view, View(transaction));
  for (const Step& step : steps) ARROW_RETURN_NOT_OK(view.Apply(step));
  transaction.steps.insert(transaction.steps.end(), steps.begin(), steps.end());
  ++transaction.version;
  auto all = values;
  for (const Step& step : steps) {
    // They belong to the transaction now, and go when it ends.
    for (const std::string& upload : step.files.uploads) {
      all.push_back(FileStore::KeepUpload(upload, INT64_MAX));
    }
  }
  ARROW_RETURN_NOT_OK(Store(&held, std::move(all)));
  return std::move(transaction);
}

Result<Transaction> Transactions::Commit(const access::Caller& caller, const std::string& id,
                                         int64_t version,
                                         const std::vector<catalog::ValueChange>& values) {
  const auto lock = LockOf(id);
  std::lock_guard guard(*lock);
  {
    ARROW_ASSIGN_OR_RAISE(Held held, Need(caller, id));
    if (held.transaction.state == TransactionState::kCommitted &&
        held.transaction.committed_version == version) {
      return std::move(held.transaction);
    }
  }
  ARROW_ASSIGN_OR_RAISE(Held held, NeedRunning(caller, id, version));
  const Transaction running = held.transaction;
  Transaction& transaction = held.transaction;
  transaction.state = TransactionState::kCommitted;
  transaction.committed_version = version;
  transaction.ended_ns = database_->clock().NowNs();
  ApplyOptions options{.values = values, .snapshot = running.snapshot};
  if (running.steps.empty()) {
    ARROW_RETURN_NOT_OK(Store(&held, values));
    return std::move(transaction);
  }
  // The record is kept without its steps: they are in the tables now.
  transaction.attributes["steps"] = std::to_string(running.steps.size());
  transaction.steps.clear();
  ARROW_ASSIGN_OR_RAISE(const std::string text, Encode(transaction));
  options.values.push_back(
      {.name = NameOf(id), .value = text, .compare = true, .expected = held.text});
  const auto made = database_->ApplySteps(caller, running.steps, options);
  if (made.ok()) {
    transaction.commit_time_ns = made->time_ns;
    return std::move(transaction);
  }
  // What stood at the snapshot does not any more: whatever the steps then say, others were first.
  const Reason reason = ReasonOf(made.status());
  const Code code = CodeOf(made.status());
  const bool lost = reason == Reason::kConflict || code == Code::kNotFound ||
                    code == Code::kAlreadyExists || code == Code::kFailedPrecondition;
  if (!lost) return made.status();
  held.transaction = running;
  ARROW_RETURN_NOT_OK(End(&held, TransactionState::kFailed, {}));
  return Error(Code::kAborted, Reason::kConflict, MessageOf(made.status()));
}

Result<Transaction> Transactions::Abort(const access::Caller& caller, const std::string& id,
                                        int64_t version,
                                        const std::vector<catalog::ValueChange>& values) {
  const auto lock = LockOf(id);
  std::lock_guard guard(*lock);
  ARROW_ASSIGN_OR_RAISE(Held held, NeedRunning(caller, id, version));
  ARROW_RETURN_NOT_OK(End(&held, TransactionState::kAborted, values));
  return std::move(held.transaction);
}

Result<Overlay> Transactions::View(const Transaction& transaction) {
  Overlay view(database_->catalog(), transaction.snapshot);
  for (const Step& step : transaction.steps) ARROW_RETURN_NOT_OK(view.Apply(step));
  return view;
}

Status Transactions::Collect() {
  ARROW_ASSIGN_OR_RAISE(const auto all, database_->catalog()->ScanValues(kBegin, kEnd, kRoundMax));
  const int64_t now_ns = database_->clock().NowNs();
  for (const auto& [name, text] : all) {
    const auto known = Decode(text);
    if (!known.ok()) continue;  // its reader is told
    const auto lock = LockOf(known->id);
    std::lock_guard guard(*lock);
    if (known->state == TransactionState::kRunning && known->deadline_ns < now_ns) {
      ARROW_RETURN_NOT_OK(Need(access::Internal(), known->id).status());
    } else if (known->state != TransactionState::kRunning && known->ended_ns < now_ns - kKeptNs) {
      ARROW_RETURN_NOT_OK(database_->catalog()->RemoveValue(name));
    }
  }
  return Status::OK();
}

}  // namespace firth::table
