#include "firth/doors/aws/runner.h"

#include "firth/common/logging.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kTakenAtOnce = 10;
/// Messages are the runner's until it is done with them; only a new process takes them again.
constexpr int64_t kHiddenNs = int64_t{365} * 24 * 3600 * 1'000'000'000;
constexpr int64_t kRetryNs = int64_t{1} * 1'000'000'000;

}  // namespace

Runner::Runner(const TakerParts& parts, Executor* jobs, Executor* queries)
    : parts_(parts),
      job_executor_(jobs),
      query_executor_(queries),
      ingest_(parts),
      queries_(parts),
      taking_(queries) {}

Executor* Runner::ExecutorOf(const InstanceQueue& queue) const {
  return queue.role == QueueRole::kQuery ? query_executor_ : job_executor_;
}

Result<std::vector<catalog::ValueChange>> Runner::ChangesFor(const InstanceQueue& queue,
                                                             const work::Message& message) {
  if (queue.role == QueueRole::kQuery) return queries_.Queued(queue, message);
  return std::vector<catalog::ValueChange>{};
}

Status Runner::Sent(const InstanceQueue& queue, const work::Message& message) {
  Status cleared;
  if (queue.role == QueueRole::kQuery) {
    cleared = queries_.RemoveEarlier(queue, message, ReadQueryMessage(message.body).id);
  }
  Wake(message.queue);
  return cleared;
}

void Runner::Wake(const std::string& queue) {
  taking_.Post([this, queue] { Drain(queue); });
}

void Runner::Drain(const std::string& queue) {
  const auto owned = parts_.instances->FindQueue(queue);
  if (!owned.has_value() || owned->role == QueueRole::kPlain) return;
  while (!stopping_) {
    auto messages = parts_.queues->Take(queue, kTakenAtOnce, kHiddenNs);
    if (!messages.ok()) {
      logging::Error("aws", "queue {} cannot be read: {}", queue, MessageOf(messages.status()));
      return;
    }
    if (messages->empty()) return;
    for (work::Message& message : *messages) Dispatch(*owned, std::move(message));
  }
}

void Runner::Dispatch(const InstanceQueue& queue, work::Message message) {
  const bool job = queue.role == QueueRole::kIngest || queue.role == QueueRole::kBulkImport;
  const std::string lane = job ? queue.instance + "/" + Ingest::LaneOf(message) : "";
  const auto act = [this, queue, message = std::move(message)] { Act(queue, message); };
  if (!job) return ExecutorOf(queue)->Post(act);
  std::lock_guard lock(mutex_);
  auto& strand = lanes_[lane];
  if (strand == nullptr) strand = std::make_unique<Strand>(job_executor_);
  strand->Post(act);
}

void Runner::Act(const InstanceQueue& queue, const work::Message& message) {
  if (stopping_) return;
  Status done;
  switch (queue.role) {
    case QueueRole::kIngest:
    case QueueRole::kBulkImport:
      done = ingest_.Run(queue, message);
      break;
    case QueueRole::kQuery:
      done = queries_.Run(queue, message);
      break;
    case QueueRole::kBatcher:
    case QueueRole::kExport:
      done = MoveToDeadLetters(queue, message);
      break;
    case QueueRole::kPlain:
      break;
  }
  if (done.ok() || stopping_) return;
  if (ReasonOf(done) == Reason::kLeaseLost) return;  // done already
  logging::Warning("aws", "message {} of queue {} waits for another attempt: {}", message.id,
                   message.queue, MessageOf(done));
  ExecutorOf(queue)->PostAt(parts_.database->clock().MonotonicNs() + kRetryNs,
                            [this, queue, message] { Act(queue, message); });
}

/// What nothing acts on yet is kept where its sender can see it.
Status Runner::MoveToDeadLetters(const InstanceQueue& queue, const work::Message& message) {
  const std::string to = Instances::QueueName(queue.instance, queue.role == QueueRole::kBatcher
                                                                  ? "IngestBatcherSubmitDLQ"
                                                                  : "BulkExportDLQ");
  ARROW_ASSIGN_OR_RAISE(const auto removal, parts_.queues->Removal(message));
  ARROW_RETURN_NOT_OK(parts_.queues->Send(to, message.sender, {message.body}, {removal}).status());
  parts_.queues->Removed(message);
  logging::Warning("aws", "message {} of queue {} was moved to {}", message.id, message.queue, to);
  return Status::OK();
}

}  // namespace firth::doors::aws
