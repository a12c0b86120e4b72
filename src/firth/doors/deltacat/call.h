// One call: who makes it, what it names, what it brings.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/access/access.h"
#include "firth/common/status.h"

namespace firth::doors::deltacat {

using nlohmann::json;

/// A text as the client sends an enumeration: `WriteMode.AUTO` and `auto` are the same.
std::string EnumText(std::string_view text);

struct Call {
  access::Caller caller;
  std::vector<std::string> names;  // of the path, decoded
  std::map<std::string, std::string> query;
  json body = json::object();
  std::string target;  // the method and the path as they were sent

  /// What tells one request from another, whenever it is sent.
  std::string Fingerprint() const;
  /// A query parameter; nothing when it is absent or empty.
  std::optional<std::string> Query(const std::string& name) const;
  /// Errors invalid_request.
  Result<std::optional<int64_t>> QueryInt(const std::string& name) const;
  Result<bool> QueryBool(const std::string& name, bool otherwise) const;

  /// Members of the body: null is absent. Errors invalid_request for another type.
  Result<std::optional<std::string>> Text(const std::string& name) const;
  Result<std::string> NeedText(const std::string& name) const;
  Result<std::optional<int64_t>> Int(const std::string& name) const;
  Result<bool> Bool(const std::string& name, bool otherwise) const;
  Result<std::optional<std::map<std::string, json>>> Object(const std::string& name) const;
};

struct Answer {
  int status = 200;
  json body;
};

}  // namespace firth::doors::deltacat
