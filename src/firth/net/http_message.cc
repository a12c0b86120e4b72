#include <fmt/format.h>

#include <algorithm>

#include "firth/net/http_message_internal.h"

namespace firth::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

/// Headers that say how a message is framed are ours to write.
bool IsFramingHeader(std::string_view name) {
  return beast::iequals(name, "connection") || beast::iequals(name, "transfer-encoding") ||
         beast::iequals(name, "content-length");
}

bool AsksToClose(const HttpResponse& response) {
  return std::any_of(response.headers.begin(), response.headers.end(), [](const auto& header) {
    return beast::iequals(header.first, "connection") && beast::iequals(header.second, "close");
  });
}

/// Statuses whose responses end with their headers.
bool HasNoBody(int status) {
  return status == 204 || status == 304;
}

/// A line end inside a header would begin another one.
std::string OneLine(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return text;
}

void AppendHeader(std::string* out, std::string_view name, std::string_view value) {
  out->append(name).append(": ").append(value).append("\r\n");
}

/// The target in origin form: `http://host/path` is as good as `/path`.
std::string_view OriginForm(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target;
}

}  // namespace

std::optional<std::string> FindFault(const HttpParser& parser) {
  const auto& message = parser.get();
  if (message.version() >= 11 && message.count(http::field::host) != 1) {
    return "a request of HTTP/1.1 has exactly one Host header";
  }
  const std::string_view target = OriginForm(message.target());
  if (!target.starts_with('/') && target != "*") return "the target does not begin with '/'";
  return std::nullopt;
}

HttpRequest TakeRequest(HttpParser* parser, std::string peer) {
  HttpRequest request = DescribeRequest(*parser, std::move(peer));
  request.body = std::move(parser->get().body());
  return request;
}

HttpRequest DescribeRequest(const HttpParser& parser, std::string peer) {
  const auto& message = parser.get();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  const std::string_view target = OriginForm(request.target);
  const size_t mark = std::min(target.find('?'), target.size());
  request.path = std::string(target.substr(0, mark));
  request.query = std::string(target.substr(std::min(mark + 1, target.size())));
  for (const auto& field : message) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.peer = std::move(peer);
  return request;
}

RequestFacts FactsOf(const HttpParser& parser) {
  const auto& message = parser.get();
  return {.is_head = message.method() == http::verb::head,
          .is_http_10 = message.version() < 11,
          .keep_alive = message.keep_alive()};
}

HttpFraming FrameResponse(const RequestFacts& request, const HttpResponse& response) {
  HttpFraming framing;
  framing.head_only = request.is_head || HasNoBody(response.status);
  framing.keep_alive = request.keep_alive && !AsksToClose(response);
  framing.length = response.body.size();
  if (!response.stream) return framing;
  if (response.stream_bytes >= 0) {
    framing.length = static_cast<uint64_t>(response.stream_bytes);
  } else if (!request.is_http_10) {
    framing.framing = Framing::kChunked;
  } else {
    framing.framing = Framing::kUntilClose;
    framing.keep_alive = false;
  }
  return framing;
}

std::string HeadText(const HttpResponse& response, const HttpFraming& framing) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                 std::string_view(reason.data(), reason.size()));
  if (!response.content_type.empty() && !HasNoBody(response.status)) {
    AppendHeader(&text, "Content-Type", OneLine(response.content_type));
  }
  for (const auto& [name, value] : response.headers) {
    if (!IsFramingHeader(name)) AppendHeader(&text, OneLine(name), OneLine(value));
  }
  if (!HasNoBody(response.status)) {
    if (framing.framing == Framing::kLength) {
      AppendHeader(&text, "Content-Length", std::to_string(framing.length));
    } else if (framing.framing == Framing::kChunked) {
      AppendHeader(&text, "Transfer-Encoding", "chunked");
    }
  }
  AppendHeader(&text, "Connection", framing.keep_alive ? "keep-alive" : "close");
  return text + "\r\n";
}

HttpResponse ErrorResponse(int status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::string(text) + "\n";
  return response;
}

std::optional<HttpResponse> ResponseToFault(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return ErrorResponse(431, "the request's headers are too large");
  }
  if (error == http::error::body_limit)
    return ErrorResponse(413, "the request's body is too large");
  if (error == http::error::end_of_stream || error == http::error::partial_message) return {};
  if (error.category() == make_error_code(http::error::bad_method).category()) {
    return ErrorResponse(400, "the request breaks HTTP: " + error.message());
  }
  return {};
}

}  // namespace firth::net
