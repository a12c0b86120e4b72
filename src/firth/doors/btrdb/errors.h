// From the engine's errors to the codes of BTrDB's replies.
#pragma once

#include <cstdint>

#include "firth/common/status.h"

namespace firth::doors::btrdb {

/// Codes that the door gives without an error of the engine's.
inline constexpr uint32_t kNoSuchPoint = 401;
inline constexpr uint32_t kNoSuchStream = 404;
inline constexpr uint32_t kBadCollection = 407;
inline constexpr uint32_t kBadKey = 408;
inline constexpr uint32_t kBadText = 409;
inline constexpr uint32_t kBadTime = 413;
inline constexpr uint32_t kInsertTooBig = 414;
inline constexpr uint32_t kBadWidth = 415;
inline constexpr uint32_t kWrongArguments = 421;
inline constexpr uint32_t kFaultInjectionDisabled = 424;
inline constexpr uint32_t kBadValue = 425;
inline constexpr uint32_t kBadVersions = 427;
inline constexpr uint32_t kVersionNotAvailable = 450;

/// The code for an error of the engine.
uint32_t CodeFor(const Status& status);

}  // namespace firth::doors::btrdb
