// Whole numbers out of parsed JSON, where what is read may have been damaged or forged.
#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <utility>

namespace firth {

/// A number without a fraction that T holds. Throws nlohmann::json::type_error for anything else:
/// its own `get` would convert a real number that T does not hold, which C++ leaves undefined.
template <std::integral T>
T WholeNumber(const nlohmann::json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (std::in_range<T>(number)) return static_cast<T>(number);
  } else if (value.is_number_integer()) {
    const auto number = value.get<int64_t>();
    if (std::in_range<T>(number)) return static_cast<T>(number);
  }
  throw nlohmann::json::type_error::create(302, "not a whole number of its range", &value);
}

}  // namespace firth
