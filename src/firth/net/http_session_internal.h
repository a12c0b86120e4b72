// One client's connection of an HttpServer.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "firth/common/executor.h"
#include "firth/net/event_loops_internal.h"
#include "firth/net/http_message_internal.h"
#include "firth/net/http_server.h"
#include "firth/net/listen_internal.h"

namespace firth::net {

/// What all connections of one server share.
struct HttpShared {
  HttpServerOptions options;
  HttpHandler handler;
  Executor* executor = nullptr;
  std::shared_ptr<TrafficCounters> counters;
  std::optional<boost::asio::ssl::context> tls;  // none: plaintext only
};

/// Serves requests one after another. Belongs to one loop, whose thread calls all methods.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(std::shared_ptr<HttpShared> shared, Socket socket);

  /// Serve until either side closes; then call `on_gone` once.
  void Begin(std::function<void(HttpSession*)> on_gone);
  /// Close once the request in work, if there is one, is answered.
  void Drain();
  void Close();

 private:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  Awaitable<void> Run();
  Awaitable<bool> ReadFirst();
  Awaitable<void> RunTls();
  template <typename Stream>
  Awaitable<void> Serve(Stream* stream);
  template <typename Stream>
  Awaitable<bool> ServeOne(Stream* stream);
  template <typename Stream>
  Awaitable<boost::beast::error_code> ReadHeader(Stream* stream, HttpParser* parser);
  /// What takes the body of the request in `parser`, if anything is to.
  Awaitable<std::shared_ptr<HttpBodySink>> ChooseSink(const HttpParser& parser) const;
  /// Read the body, and give it to `sink`, if there is one, whose answer is `*taken`.
  template <typename Stream>
  Awaitable<boost::beast::error_code> ReadBody(Stream* stream, HttpParser* parser,
                                               std::shared_ptr<HttpBodySink> sink, bool* taken);
  template <typename Stream>
  Awaitable<bool> Write(Stream* stream, std::string_view head, std::string_view body);
  template <typename Stream>
  Awaitable<bool> WriteStream(Stream* stream, HttpResponse* response, HttpFraming framing);
  template <typename Stream>
  Awaitable<void> Refuse(Stream* stream, HttpResponse response);
  HttpResponse CallHandler(const HttpRequest& request) const;

  const std::shared_ptr<HttpShared> shared_;
  boost::beast::tcp_stream tcp_;
  boost::beast::flat_buffer buffer_;
  std::string peer_;
  std::function<void(HttpSession*)> on_gone_;
  bool idle_ = true;       // between two requests
  bool draining_ = false;  // after this request no other
};

}  // namespace firth::net
