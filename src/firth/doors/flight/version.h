#pragma once

namespace firth::doors::flight {

/// The version of this build, as every program and every answer spells it.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace firth::doors::flight
