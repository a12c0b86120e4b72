// HTTP messages between Beast's parser and our own types.
#pragma once

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "firth/net/http_server.h"

namespace firth::net {

/// A body that grows with what arrives, whatever length was announced.
struct GrowingBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(boost::beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<uint64_t>&, boost::beast::error_code& error) { error = {}; }
    template <class Buffers>
    size_t put(const Buffers& buffers, boost::beast::error_code& error) {
      error = {};
      size_t count = 0;
      for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        count += buffer.size();
      }
      return count;
    }
    void finish(boost::beast::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

using HttpParser = boost::beast::http::request_parser<GrowingBody>;

/// What is wrong with a request that Beast has parsed, or nothing.
std::optional<std::string> FindFault(const HttpParser& parser);

/// The request without its body.
HttpRequest DescribeRequest(const HttpParser& parser, std::string peer);
/// The request with what was read of its body.
HttpRequest TakeRequest(HttpParser* parser, std::string peer);

/// How the length of a response's body is told.
enum class Framing { kLength, kChunked, kUntilClose };

/// What a response has to know of its request.
struct RequestFacts {
  bool is_head = false;
  bool is_http_10 = false;
  bool keep_alive = true;
};
RequestFacts FactsOf(const HttpParser& parser);

/// How a response is to be sent.
struct HttpFraming {
  bool head_only = false;  // no body follows the headers
  bool keep_alive = true;
  Framing framing = Framing::kLength;
  uint64_t length = 0;
};

HttpFraming FrameResponse(const RequestFacts& request, const HttpResponse& response);

/// The response's first line and headers, up to and with the empty line.
std::string HeadText(const HttpResponse& response, const HttpFraming& framing);

/// The answer to a request that could not be read, or nothing if the connection just ends.
std::optional<HttpResponse> ResponseToFault(const boost::beast::error_code& error);
HttpResponse ErrorResponse(int status, std::string_view text);

}  // namespace firth::net
