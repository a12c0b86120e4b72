#include "firth/server/console.h"

namespace firth::server {
namespace {

net::HttpResponse Text(int status, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

net::HttpResponse Metrics(const ServerState& state) {
  net::HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = state.MetricsText();
  return response;
}

net::HttpResponse Answer(const ServerState& state, const net::HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    auto response = Text(405, "only GET is answered here\n");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  if (request.path == "/healthz") return Text(200, "ok\n");
  if (request.path == "/readyz") {
    return state.IsReady() ? Text(200, "ready\n") : Text(503, "not ready\n");
  }
  if (request.path == "/metrics") return Metrics(state);
  if (request.path == "/") return Text(200, "firth: /healthz /readyz /metrics\n");
  return Text(404, "there is /healthz, /readyz and /metrics\n");
}

}  // namespace

Result<std::unique_ptr<ConsoleDoor>> ConsoleDoor::Start(const ConsoleOptions& options) {
  net::HttpServerOptions http;
  http.listen = options.listen;
  http.tls_certificate_file = options.tls_certificate_file;
  http.tls_key_file = options.tls_key_file;
  http.body_bytes_max = 64 << 10;  // nothing here takes a body
  http.connections_max = 256;
  std::unique_ptr<ConsoleDoor> door(new ConsoleDoor(options.clock));
  ARROW_ASSIGN_OR_RAISE(
      door->server_,
      net::HttpServer::Start(options.loops, &door->thread_, std::move(http),
                             [state = options.state](const net::HttpRequest& request) {
                               return Answer(*state, request);
                             }));
  return door;
}

}  // namespace firth::server
