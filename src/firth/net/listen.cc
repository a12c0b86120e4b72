#include <fmt/format.h>
#include <netinet/tcp.h>

#include "firth/net/address.h"
#include "firth/net/listen_internal.h"

namespace firth::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// How often another port is tried when the kernel's choice for one family is taken in the other.
constexpr int kPortTries = 16;

/// A peer that is silent this long is probed, and given up after so many probes without an answer.
constexpr int kProbeAfterSeconds = 120;
constexpr int kProbeEverySeconds = 30;
constexpr int kProbesMax = 4;

bool IsTaken(const error_code& error) {
  return error == asio::error::address_in_use;
}

bool IsNoSuchAddress(const error_code& error) {
  return error == boost::system::errc::address_not_available ||
         error == asio::error::address_family_not_supported;
}

Status ListenError(const std::string& text, const error_code& error) {
  if (IsTaken(error)) {
    return Error(Code::kUnavailable, Reason::kNone,
                 fmt::format("cannot listen at {}: another process listens there", text));
  }
  if (IsNoSuchAddress(error)) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 fmt::format("cannot listen at {}: it is no address of this machine", text));
  }
  return Error(Code::kUnavailable, Reason::kNone,
               fmt::format("cannot listen at {}: {}", text, error.message()));
}

error_code TryListen(const tcp::endpoint& endpoint, Acceptor* acceptor) {
  error_code error;
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) acceptor->set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  return error;
}

/// Two sockets may be bound to the port that the kernel chose; only one of them may listen.
error_code ListenAtOne(const tcp::endpoint& endpoint, Acceptor* acceptor) {
  for (int tries = 1;; ++tries) {
    Acceptor fresh(acceptor->get_executor());
    const error_code error = TryListen(endpoint, &fresh);
    if (error && IsTaken(error) && endpoint.port() == 0 && tries < kPortTries) continue;
    *acceptor = std::move(fresh);
    return error;
  }
}

/// 127.0.0.1 and ::1 on one port.
Status ListenAtLocalhost(asio::io_context* context, uint16_t port, std::vector<Acceptor>* out) {
  const std::string text = FormatAddress({"localhost", port});
  for (int tries = 1;; ++tries) {
    Acceptor v4(*context);
    Acceptor v6(*context);
    if (const auto error = ListenAtOne({asio::ip::address_v4::loopback(), port}, &v4)) {
      return ListenError(text, error);
    }
    const uint16_t chosen = v4.local_endpoint().port();
    const auto error = ListenAtOne({asio::ip::address_v6::loopback(), chosen}, &v6);
    if (error && IsTaken(error) && port == 0 && tries < kPortTries) continue;
    if (error && !IsNoSuchAddress(error)) return ListenError(text, error);
    out->push_back(std::move(v4));
    if (!error) out->push_back(std::move(v6));
    return Status::OK();
  }
}

}  // namespace

Result<std::vector<Acceptor>> ListenAll(asio::io_context* context,
                                        const std::vector<std::string>& listen) {
  std::vector<Acceptor> bound;
  for (const auto& text : listen) {
    ARROW_ASSIGN_OR_RAISE(const Address address, ParseAddress(text));
    if (address.host == "localhost") {
      ARROW_RETURN_NOT_OK(ListenAtLocalhost(context, address.port, &bound));
      continue;
    }
    error_code error;
    tcp::resolver resolver(*context);
    const auto found =
        resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
    if (error || found.empty()) {
      return Error(
          Code::kInvalidArgument, Reason::kNone,
          fmt::format("cannot listen at {}: the host is not known ({})", text, error.message()));
    }
    Acceptor acceptor(*context);
    if (const auto failed = ListenAtOne(found.begin()->endpoint(), &acceptor)) {
      return ListenError(text, failed);
    }
    bound.push_back(std::move(acceptor));
  }
  return bound;
}

void PrepareSocket(Socket* socket) {
  using Idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  using Interval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
  using Count = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
  error_code ignored;  // a socket that refuses is one that is gone; its first read tells
  socket->set_option(tcp::no_delay(true), ignored);
  socket->set_option(asio::socket_base::keep_alive(true), ignored);
  socket->set_option(Idle(kProbeAfterSeconds), ignored);
  socket->set_option(Interval(kProbeEverySeconds), ignored);
  socket->set_option(Count(kProbesMax), ignored);
}

std::string FormatEndpoint(const tcp::endpoint& endpoint) {
  return FormatAddress({endpoint.address().to_string(), endpoint.port()});
}

std::vector<std::string> EndpointsOf(const std::vector<Acceptor>& acceptors) {
  std::vector<std::string> endpoints;
  for (const auto& acceptor : acceptors) {
    endpoints.push_back(FormatEndpoint(acceptor.local_endpoint()));
  }
  return endpoints;
}

}  // namespace firth::net
