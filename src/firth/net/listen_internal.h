// Sockets that listen.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/net/event_loops_internal.h"

namespace firth::net {

using Acceptor = boost::asio::ip::tcp::acceptor;
using Socket = boost::asio::ip::tcp::socket;

/// Listen at each address of each `host:port`, in order. `localhost` is 127.0.0.1 and ::1 on one
/// port, also when the kernel chooses it; ::1 is left out on a machine without IPv6. An IPv6
/// wildcard takes IPv6 only. Errors: kInvalidArgument for an address that cannot be read or is not
/// of this machine, kUnavailable for one that is taken.
Result<std::vector<Acceptor>> ListenAll(boost::asio::io_context* context,
                                        const std::vector<std::string>& listen);

/// `host:port` of each.
std::vector<std::string> EndpointsOf(const std::vector<Acceptor>& acceptors);
std::string FormatEndpoint(const boost::asio::ip::tcp::endpoint& endpoint);

/// Set what all our connections have: no delay, and probes that notice a peer that is gone.
void PrepareSocket(Socket* socket);

/// Accepts connections and hands each to the loops in turn.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  /// Called in the thread of loop `loop`, which the socket belongs to.
  using OnSocket = std::function<void(size_t loop, Socket socket)>;

  /// Listen at all addresses of `listen`.
  static Result<std::shared_ptr<Listener>> Open(EventLoops::Impl* loops,
                                                const std::vector<std::string>& listen,
                                                uint32_t connections_max);

  /// Begin to accept. Each socket that `on_socket` is given counts as open until Closed() is
  /// called.
  void Start(OnSocket on_socket);
  /// Accept no more. Sockets on their way may still arrive. Blocks; not for a loop's thread.
  void Stop();
  /// A socket that was handed out is gone.
  void Closed() { counters_->connections.fetch_sub(1); }

  const std::shared_ptr<TrafficCounters>& counters() const { return counters_; }

 private:
  void Accept(size_t index);
  void OnAccepted(size_t index, size_t loop, const boost::system::error_code& error, Socket socket);

  EventLoops::Impl* loops_ = nullptr;
  uint32_t connections_max_ = 0;
  std::vector<Acceptor> acceptors_;  // this and what follows: the first loop's thread only
  std::vector<boost::asio::steady_timer> pauses_;  // one an acceptor
  size_t next_loop_ = 0;
  bool stopped_ = false;
  bool refusal_logged_ = false;
  OnSocket on_socket_;
  std::shared_ptr<TrafficCounters> counters_ = std::make_shared<TrafficCounters>();
};

}  // namespace firth::net
