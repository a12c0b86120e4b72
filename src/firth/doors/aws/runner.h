// Takes the messages of the instances' queues, and has them acted on.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "firth/common/executor.h"
#include "firth/common/strand.h"
#include "firth/doors/aws/ingest.h"
#include "firth/doors/aws/query_run.h"
#include "firth/doors/aws/sqs.h"

namespace firth::doors::aws {

/// Jobs of one table run in the order of their messages, all else side by side. What a stop or a
/// crash left undone is done after the next start.
class Runner : public MessageTaker {
 public:
  /// Jobs and queries have executors of their own, so that a long job lets queries pass. Both
  /// outlive it, or have stopped.
  Runner(const TakerParts& parts, Executor* jobs, Executor* queries);

  Result<std::vector<catalog::ValueChange>> ChangesFor(const InstanceQueue& queue,
                                                       const work::Message& message) override;
  Status Sent(const InstanceQueue& queue, const work::Message& message) override;
  /// Take what waits in a queue. Does not block.
  void Wake(const std::string& queue);
  /// Take no more messages.
  void Stop() { stopping_ = true; }

 private:
  void Drain(const std::string& queue);
  void Dispatch(const InstanceQueue& queue, work::Message message);
  void Act(const InstanceQueue& queue, const work::Message& message);
  Status MoveToDeadLetters(const InstanceQueue& queue, const work::Message& message);

  Executor* ExecutorOf(const InstanceQueue& queue) const;

  const TakerParts parts_;
  Executor* const job_executor_;
  Executor* const query_executor_;
  Ingest ingest_;
  QueryRun queries_;
  std::atomic<bool> stopping_{false};
  Strand taking_;  // messages are taken one after another, so that their order is kept
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Strand>> lanes_;  // guarded by mutex_
};

}  // namespace firth::doors::aws
