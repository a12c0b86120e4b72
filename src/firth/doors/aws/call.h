// One request, once it is known whose it is.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/access/access.h"
#include "firth/doors/aws/errors.h"
#include "firth/net/http_server.h"

namespace firth::doors::aws {

class TakenBody;

struct Call {
  const net::HttpRequest* request = nullptr;
  Service service = Service::kS3;
  access::Caller caller;
  std::string access_key;  // "" without a signature
  std::string request_id;
  std::string body;                                        // decoded
  TakenBody* taken = nullptr;                              // what took the body, if it is not held
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::vector<std::pair<std::string, std::string>> trailers;  // of a chunked body

  /// The value of a query parameter, or null.
  const std::string* Find(std::string_view name) const {
    for (const auto& [key, value] : query) {
      if (key == name) return &value;
    }
    return nullptr;
  }
  std::string Get(std::string_view name) const {
    const std::string* value = Find(name);
    return value == nullptr ? std::string() : *value;
  }
  /// A header, or a trailing header.
  std::string_view Header(std::string_view name) const {
    const std::string_view value = request->Header(name);
    if (!value.empty()) return value;
    for (const auto& [key, trailer] : trailers) {
      if (key == name) return trailer;
    }
    return {};
  }
};

}  // namespace firth::doors::aws
