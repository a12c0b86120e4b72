// A check of options that are whole numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace firth::cli {

/// A check for CLI11: the word is a whole number, `least` or more. What it gives is the complaint,
/// "" if there is none.
std::function<std::string(const std::string&)> WholeNumber(int64_t least);

}  // namespace firth::cli
