// The record of a write session.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "firth/common/path.h"

namespace firth::doors::deltacat {

/// A session lives this long from its last heartbeat; clients send one every quarter of an hour.
inline constexpr int64_t kSessionNs = int64_t{3600} * 1'000'000'000;
/// Hex digits of a session's id.
inline constexpr size_t kSessionIdBytes = 32;

struct Session {
  std::string text;  // as it is held
  nlohmann::json record;

  std::string id() const { return record.value("session_id", ""); }
  std::string status() const { return record.value("status", ""); }
};

inline std::string SessionName(const std::string& id) {
  return "deltacat/session/" + id;
}
/// Which session a writer's own key stands for.
inline std::string WriteKeyName(const Path& path, const std::string& mode,
                                const std::string& format, const std::string& key) {
  return "deltacat/write_key/" + path.ToString() + "/" + mode + "/" + format + "/" + key;
}

}  // namespace firth::doors::deltacat
