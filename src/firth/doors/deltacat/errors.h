// The one table from the engine's errors, and this door's own refusals, to the wire's.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "firth/common/status.h"
#include "firth/net/http_server.h"

namespace firth::doors::deltacat {

/// A refusal that only this protocol has; `code` is one of its error codes.
Status Refuse(std::string code, std::string message);

/// What a failed call answers: HTTP status and error code.
struct WireError {
  int status = 500;
  std::string code = "internal_error";
  bool retryable = false;
};
WireError WireErrorOf(const Status& status);

/// The answer to a failed call.
net::HttpResponse ErrorAnswer(const Status& status, const nlohmann::json& details = {});

}  // namespace firth::doors::deltacat
