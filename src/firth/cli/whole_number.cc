#include "firth/cli/whole_number.h"

#include <charconv>

namespace firth::cli {

std::function<std::string(const std::string&)> WholeNumber(int64_t least) {
  return [least](const std::string& word) -> std::string {
    int64_t value = 0;
    const char* const end = word.data() + word.size();
    const auto read = std::from_chars(word.data(), end, value);
    if (read.ec == std::errc() && read.ptr == end && value >= least) return "";
    return "a whole number of " + std::to_string(least) + " or more is expected, not `" + word +
           "`";
  };
}

}  // namespace firth::cli
