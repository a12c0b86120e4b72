// Which handler answers which method and path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firth/doors/deltacat/service.h"

namespace firth::doors::deltacat {

using Handler = Result<Answer> (Service::*)(const Call&);

/// A handler and the decoded names of the path. Errors: not_found; method_not_allowed.
struct Routed {
  Handler handler = nullptr;
  std::vector<std::string> names;
};
Result<Routed> Route(std::string_view method, std::string_view path);

}  // namespace firth::doors::deltacat
