// Open subscriptions: streams that are told when their log has grown. None has a thread; a parked
// one is an entry of the log's followers and a few hundred bytes here.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "beneath_gateway.pb.h"
#include "firth/common/executor.h"
#include "firth/doors/beneath/reading.h"

namespace firth::doors::beneath {

class Subscriptions {
 public:
  struct Where {
    Instance instance;
    int64_t from = 0;
    /// May the subscriber still read it? Asked now and then.
    std::function<Status()> check;
    /// The 16 bytes that name a commit.
    std::function<std::string(CommitId)> write_id;
  };
  using Reactor = grpc::ServerWriteReactor<gateway::v1::SubscribeResponse>;

  Subscriptions(table::Database* database, Executor* blocking);
  ~Subscriptions() { Stop(); }

  /// A stream that begins with `open`, which runs on the executor.
  Reactor* Start(std::function<Result<Where>()> open);
  void Stop();

 private:
  class Stream;
  struct Shared;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace firth::doors::beneath
