// The two-way call by which a client is pushed what is inserted.
#pragma once

#include <memory>
#include <mutex>
#include <set>

#include "firth/doors/btrdb/call.h"

namespace firth::doors::btrdb {

using SubscribeReactor =
    grpc::ServerBidiReactor<v5api::SubscriptionUpdate, v5api::SubscriptionResp>;

/// All running calls of Subscribe, none of which holds a thread. Thread-safe.
class Subscribers {
 public:
  explicit Subscribers(table::Database* database) : database_(database) {}
  ~Subscribers();

  /// The reactor of a new call; it owns itself.
  SubscribeReactor* Begin(const grpc::ServerContextBase& context);
  /// End all calls: the server stops. Those that begin later end at once.
  void Stop();

 private:
  class Call;
  struct Shared {
    std::mutex mutex;
    bool stopped = false;
    std::set<Call*> calls;
  };

  table::Database* const database_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace firth::doors::btrdb
