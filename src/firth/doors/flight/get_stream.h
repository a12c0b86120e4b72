// DoGet: a cursor's rows as a stream of frames.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "firth/common/executor.h"
#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"
#include "firth/doors/flight/frame.h"

namespace firth::doors::flight {

class GetStream;

/// The streams that are under way. Rows are read on `readers`; a stream that waits for rows holds
/// no thread. Thread-safe.
class GetStreams {
 public:
  /// `readers` outlives every stream.
  GetStreams(Executor* readers, const Clock* clock) : readers_(readers), clock_(clock) {}

  /// Answer a call with the rows that `open` leads to, or with its error; `open` runs on `readers`.
  /// The reactor looks after itself.
  grpc::ServerWriteReactor<Frame>* Start(grpc::CallbackServerContext* context,
                                         std::function<Result<std::unique_ptr<Cursor>>()> open);
  /// End those that wait for rows, and each other one when it comes to wait.
  void Drain();

 private:
  friend class GetStream;

  Executor* const readers_;
  const Clock* const clock_;
  std::mutex mutex_;
  std::set<GetStream*> streams_;  // guarded by mutex_
  bool draining_ = false;         // guarded by mutex_
};

}  // namespace firth::doors::flight
