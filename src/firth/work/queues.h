// Queues of durable messages. A message that was taken is hidden for a while and comes back unless
// it is removed: it is given at least once, and oldest first. Whoever acts on a message in a commit
// makes its removal part of that commit, and so acts on it exactly once.
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
#include "firth/catalog/catalog.h"
#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/random.h"
#include "firth/common/status.h"

namespace firth::work {

inline constexpr size_t kMessageBytesMax = size_t{1} << 20;

struct QueueInfo {
  std::string name;
  int64_t created_ns = 0;
  std::map<std::string, std::string> attributes;  // opaque here
};

struct Message {
  std::string queue;
  int64_t sequence = 0;  // rises in the order of sending
  std::string id;        // a UUID as text
  std::string body;
  access::Caller sender;
  int64_t sent_ns = 0;
  int taken = 0;        // how often since the process began, this time included
  std::string receipt;  // names this taking
};

struct QueueDepth {
  int64_t ready = 0;
  int64_t hidden = 0;
};

struct QueuesOptions {
  catalog::Catalog* catalog = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  Executor* executor = nullptr;     // calls those who wait; stops before the queues are gone
  size_t messages_max = 1'000'000;  // of one queue
};

/// Thread-safe; all calls but Wait and EndWaiting block. Messages are durable when a send returns.
/// That one is hidden is known to the process only, unless it was taken durably: after a start all
/// others are ready. Errors:
/// kQueueNotFound; kLeaseLost for a receipt whose message is gone or was taken by another since;
/// kOverBudget for a message that is too long and for a queue that is full.
class Queues {
 public:
  static Result<std::unique_ptr<Queues>> Open(const QueuesOptions& options);
  /// Names as those of containers. An existing queue is fine; its attributes stay.
  Status Create(const std::string& name, const std::map<std::string, std::string>& attributes);
  /// Remove a queue with its messages.
  Status Remove(const std::string& name);
  Status Purge(const std::string& name);
  Result<QueueInfo> Get(const std::string& name);
  /// By name.
  Result<std::vector<QueueInfo>> List(const std::string& prefix);
  Result<QueueDepth> Depth(const std::string& name);

  /// Send messages; `changes` of the catalog are made in the same transaction.
  Result<std::vector<Message>> Send(const std::string& queue, const access::Caller& sender,
                                    std::vector<std::string> bodies,
                                    const std::vector<catalog::ValueChange>& changes = {});
  /// The same with changes that depend on the messages, whose ids are known by then.
  using ChangesFor = std::function<Result<std::vector<catalog::ValueChange>>(
      const std::vector<Message>& messages)>;
  Result<std::vector<Message>> SendWith(const std::string& queue, const access::Caller& sender,
                                        std::vector<std::string> bodies,
                                        const ChangesFor& changes_for);
  /// Take up to `limit` ready messages, oldest first, and hide them for `hidden_ns`; `durable`:
  /// also from a process that follows this one, for takers who outlive it.
  Result<std::vector<Message>> Take(const std::string& queue, size_t limit, int64_t hidden_ns,
                                    bool durable = false);
  /// Remove a message that was taken. One that is gone already is fine.
  Status Finish(const std::string& queue, const std::string& receipt);
  /// Hide a taken message from now on for `hidden_ns`; 0 makes it ready.
  Status Hide(const std::string& queue, const std::string& receipt, int64_t hidden_ns);

  /// The change that removes a taken message, for a transaction of the taker's own; it conflicts if
  /// the message is gone. Afterwards tell Removed.
  Result<catalog::ValueChange> Removal(const Message& message);
  void Removed(const Message& message);

  /// Call `wake` once, on the executor: when the queue may have a ready message, and at the latest
  /// at `until_ns` of the monotonic clock. `more`: there is time left to wait again. No thread
  /// waits.
  using WakeUp = std::function<void(bool more)>;
  void Wait(const std::string& queue, int64_t until_ns, WakeUp wake);
  /// Wake all who wait, and from now on everybody at once; before a stop.
  void EndWaiting();

 private:
  struct Taken {
    int64_t until_ns = 0;  // monotonic; in the past: ready
    int count = 0;
    std::string receipt;
    bool durable = false;
  };
  struct Queue {
    std::map<int64_t, Taken> messages;  // by sequence
  };
  struct Waiter {
    std::string queue;
    int64_t until_ns = 0;
    uint64_t timer = 0;
    WakeUp wake;
  };

  explicit Queues(const QueuesOptions& options) : options_(options) {}
  Status Load();
  /// Bring back what was taken durably.
  Status LoadTaken(const std::string& name, Queue* queue);
  /// The change that keeps a taking that ends at `until_ns` of the monotonic clock.
  catalog::ValueChange KeepTaken(const std::string& name, int64_t sequence, const Taken& taken);
  Result<int64_t> TakeSequences(int64_t count);
  Result<int64_t> SequenceOf(const std::string& queue, const std::string& receipt);
  void WakeOne(const std::string& queue);
  void Fire(uint64_t waiter);

  const QueuesOptions options_;
  std::mutex mutex_;
  std::map<std::string, Queue> queues_;  // guarded by mutex_
  std::map<uint64_t, Waiter> waiters_;   // guarded by mutex_
  uint64_t next_waiter_ = 1;             // guarded by mutex_
  bool ended_ = false;                   // guarded by mutex_
  std::mutex sequence_mutex_;
  int64_t next_sequence_ = 0;  // guarded by sequence_mutex_
  int64_t sequence_end_ = 0;   // guarded by sequence_mutex_
};

}  // namespace firth::work
