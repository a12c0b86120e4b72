// Transactions of clients.
#include "firth/table/transactions.h"

#include <algorithm>

#include "firth/doors/deltacat/errors.h"
#include "firth/doors/deltacat/names.h"
#include "firth/doors/deltacat/service.h"

namespace firth::doors::deltacat {
namespace {

using table::Transaction;
using table::TransactionState;

constexpr char kMessage[] = "message";
constexpr char kAsOf[] = "as_of";

std::string StateText(TransactionState state) {
  switch (state) {
    case TransactionState::kRunning:
      return "RUNNING";
    case TransactionState::kCommitted:
      return "COMMITTED";
    case TransactionState::kAborted:
      return "ABORTED";
    case TransactionState::kFailed:
      return "FAILED";
    case TransactionState::kExpired:
      return "EXPIRED";
  }
  return "FAILED";
}

Answer AnswerOf(const Transaction& transaction) {
  json body = {{"transaction_id", transaction.id},
               {"transaction_version", transaction.version},
               {"status", StateText(transaction.state)},
               {"catalog", kCatalog},
               {"created_at", transaction.created_ns},
               {"expires_at", transaction.deadline_ns},
               {"last_heartbeat_at", transaction.heartbeat_ns},
               {"operation_count", transaction.version - 1},
               {"commit_message", nullptr},
               {"as_of", nullptr},
               {"finalized_at", nullptr}};
  json sessions = json::array();
  for (const auto& step : transaction.steps) {
    for (const std::string& upload : step.files.uploads) sessions.push_back(upload);
  }
  body["bound_write_sessions"] = std::move(sessions);
  if (transaction.ended_ns != 0) body["finalized_at"] = transaction.ended_ns;
  const auto message = transaction.attributes.find(kMessage);
  if (message != transaction.attributes.end()) body["commit_message"] = message->second;
  const auto as_of = transaction.attributes.find(kAsOf);
  if (as_of != transaction.attributes.end()) body["as_of"] = std::stoll(as_of->second);
  return Answer{.body = std::move(body)};
}

Result<int64_t> VersionOf(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const auto version, call.Int("transaction_version"));
  if (version.has_value()) return *version;
  return Refuse("invalid_request", "'transaction_version' is missing");
}

}  // namespace

Result<Answer> Service::BeginTransaction(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const auto as_of, call.Int(kAsOf));
  ARROW_ASSIGN_OR_RAISE(const auto message, call.Text("commit_message"));
  std::map<std::string, std::string> attributes;
  if (message.has_value()) attributes[kMessage] = *message;
  std::optional<CommitId> at;
  if (as_of.has_value()) {
    attributes[kAsOf] = std::to_string(*as_of);
    ARROW_ASSIGN_OR_RAISE(at, database_->CommitAt(*as_of));
  }
  ARROW_ASSIGN_OR_RAISE(const Transaction begun,
                        database_->transactions()->Begin(call.caller, at, std::move(attributes)));
  return AnswerOf(begun);
}

Result<Answer> Service::GetTransaction(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Transaction found,
                        database_->transactions()->Get(call.caller, call.names[0]));
  return AnswerOf(found);
}

Result<Answer> Service::HeartbeatTransaction(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const int64_t version, VersionOf(call));
  ARROW_ASSIGN_OR_RAISE(const Transaction beaten,
                        database_->transactions()->Heartbeat(call.caller, call.names[0], version));
  return AnswerOf(beaten);
}

Result<Answer> Service::CommitTransaction(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const int64_t version, VersionOf(call));
  ARROW_ASSIGN_OR_RAISE(const Transaction committed,
                        database_->transactions()->Commit(call.caller, call.names[0], version, {}));
  return AnswerOf(committed);
}

Result<Answer> Service::AbortTransaction(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const int64_t version, VersionOf(call));
  ARROW_ASSIGN_OR_RAISE(const Transaction aborted,
                        database_->transactions()->Abort(call.caller, call.names[0], version, {}));
  return AnswerOf(aborted);
}

Result<std::optional<TransactionRef>> Service::TransactionOf(const Call& call) {
  TransactionRef ref;
  auto id = call.Query("transaction_id");
  ARROW_ASSIGN_OR_RAISE(auto version, call.QueryInt("transaction_version"));
  if (!id.has_value()) {
    ARROW_ASSIGN_OR_RAISE(id, call.Text("transaction_id"));
  }
  if (!version.has_value()) {
    ARROW_ASSIGN_OR_RAISE(version, call.Int("transaction_version"));
  }
  if (!id.has_value()) return std::nullopt;
  ref.id = *id;
  ref.version = version.value_or(-1);
  return ref;
}

Result<table::Overlay> Service::ViewOf(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const auto ref, TransactionOf(call));
  if (!ref.has_value()) return table::Overlay(database_->catalog(), catalog::kNow);
  ARROW_ASSIGN_OR_RAISE(const Transaction running,
                        database_->transactions()->Get(call.caller, ref->id));
  if (running.state != TransactionState::kRunning) {
    return Error(Code::kFailedPrecondition, Reason::kTransactionEnded,
                 "the transaction is " + StateText(running.state));
  }
  return database_->transactions()->View(running);
}

Result<std::string> Service::AttachedState(const Call& call, const std::string& transaction) {
  const auto found = database_->transactions()->Get(call.caller, transaction);
  if (!found.ok()) {
    if (ReasonOf(found.status()) == Reason::kTransactionNotFound) return "COMMITTED";
    return found.status();
  }
  switch (found->state) {
    case TransactionState::kRunning:
      return "ATTACHED";
    case TransactionState::kCommitted:
      return "COMMITTED";
    default:
      return "ABORTED";
  }
}

}  // namespace firth::doors::deltacat
