// Which known name did somebody mean?
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace firth::server {

/// The known name with the least edit distance (Levenshtein 1966) to `name`; the first of equals.
/// `known` is not empty.
std::string Nearest(std::string_view name, const std::vector<std::string>& known);

/// The end of an error that says what `name` is not: "; did you mean X?" for the known name nearest
/// to it, with `before` and `after` around that; empty where more than a third of it (of a short
/// one: two letters) would have to change.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& known,
                       std::string_view before, std::string_view after);

}  // namespace firth::server
