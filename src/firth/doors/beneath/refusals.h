// What this door says when it refuses. Clients read some of these texts.
#pragma once

#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::beneath {

/// `what` with a capital, e.g. "Table". The text holds " not found".
inline Status NotFound(std::string_view what) {
  return Error(Code::kNotFound, Reason::kNone, std::string(what) + " not found");
}
inline Status NotAllowed(std::string_view what) {
  return Error(Code::kPermissionDenied, Reason::kNotAllowed, "not allowed to " + std::string(what));
}
inline Status Invalid(std::string message) {
  return Error(Code::kInvalidArgument, Reason::kNone, std::move(message));
}
inline Status Exceeded(std::string message) {
  return Error(Code::kResourceExhausted, Reason::kOverBudget, std::move(message));
}

}  // namespace firth::doors::beneath
