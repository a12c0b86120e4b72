// An HTTP/1.1 server and its router.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/common/executor.h"
#include "firth/common/status.h"
#include "firth/net/event_loops.h"

namespace firth::net {

/// Takes a request's body piece by piece, so that nobody holds all of it. Made and called on the
/// executor, one call at a time; may block. Gone on the executor, too.
class HttpBodySink {
 public:
  virtual ~HttpBodySink() = default;
  /// Is the body wanted at all? Asked before it is read; if not, the handler is called without it.
  virtual bool wanted() const = 0;
  /// The next bytes. After an error no more of the body is read: the handler is called, its answer
  /// is sent, and the connection is closed.
  virtual Status Write(std::string_view bytes) = 0;
};

struct HttpRequest {
  std::string method;
  std::string target;  // as sent: path and query, percent-encoded
  std::string path;    // of the target, as sent
  std::string query;   // of the target without `?`, as sent
  std::vector<std::pair<std::string, std::string>> headers;  // in order, names as sent
  std::string body;
  std::shared_ptr<HttpBodySink> sink;  // what took the body; then `body` is empty
  std::string peer;

  /// The first header of that name, case-insensitively, or "".
  std::string_view Header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type = "application/json";
  std::string body;
  /// If set, the body is what this gives, piece by piece, until an empty piece, sent in chunks (or
  /// with `stream_bytes` as the length when that is not negative). Called on the executor; may
  /// block. On an error the connection is cut, so that the client sees that the body is not whole.
  std::function<Result<std::string>()> stream;
  int64_t stream_bytes = -1;
  /// If set, this response is not the answer yet: called once, on the executor, with what the
  /// answer is to be given to, once, from any thread. Nobody waits meanwhile, so that a long poll
  /// holds no thread; whoever stops the server first gives the answers that are owed.
  std::function<void(std::function<void(HttpResponse)> answer)> later;
};

/// Answers one request, on the server's executor; may block.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpServerOptions {
  std::vector<std::string> listen;  // as FrameServerOptions::listen
  /// With both files set the server speaks TLS with clients that begin it, and plaintext with
  /// others.
  std::string tls_certificate_file;
  std::string tls_key_file;
  uint64_t body_bytes_max = uint64_t{64} << 20;
  /// If set: asked, on the executor, with a request whose body is still to come and is longer than
  /// `sink_bytes_min` or of unknown length, for what is to take it. Null: the body is held. A body
  /// that is taken may have `sink_bytes_max` bytes.
  std::function<std::shared_ptr<HttpBodySink>(const HttpRequest&)> sink_for;
  uint64_t sink_bytes_min = uint64_t{1} << 20;
  uint64_t sink_bytes_max = uint64_t{5} << 30;
  uint32_t header_bytes_max = 64 << 10;
  uint32_t connections_max = 10'000;
  /// A connection without a request is closed after this time.
  int64_t idle_ns = int64_t{120} * 1'000'000'000;
  /// So is one whose headers take longer, or that neither sends of a body nor takes of an answer.
  int64_t stall_ns = int64_t{60} * 1'000'000'000;
};

/// Keep-alive, `Expect: 100-continue`, chunked bodies both ways; a request that breaks HTTP gets
/// 400, one that is too large 413 or 431. One request of a connection is in work at a time.
class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> Start(EventLoops* loops, Executor* executor,
                                                   HttpServerOptions options, HttpHandler handler);
  virtual ~HttpServer() = default;
  virtual std::vector<std::string> endpoints() const = 0;
  /// Take no more requests, let those in work finish for `grace_ns`, then close their connections.
  /// Waits for handlers that run. Blocks.
  virtual void Stop(int64_t grace_ns) = 0;
};

/// Percent-decode; `plus_is_space` for query values. Error kInvalidArgument for a bad escape.
Result<std::string> PercentDecode(std::string_view text, bool plus_is_space = false);
/// Split a query string into decoded names and values, in order.
Result<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query);

}  // namespace firth::net
