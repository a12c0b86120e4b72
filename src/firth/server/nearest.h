// Which known name did somebody mean?
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace firth::server {

/// The known name with the least edit distance (Levenshtein 1966) to `name`; the first of equals.
/// `known` is not empty.
std::string Nearest(std::string_view name, const std::vector<std::string>& known);

}  // namespace firth::server
