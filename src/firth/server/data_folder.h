// The files of the data folder that belong to the server itself.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::server {

inline constexpr char kEndpointsFile[] = "endpoints.json";
inline constexpr char kAdminSecretFile[] = "admin.secret";

/// Write a file of mode 0600 wholly or not at all, durably. Error kIo.
Status WritePrivateFile(const std::string& path, std::string_view text);

/// Door names and their `host:port` as a JSON object.
std::string EndpointsText(const std::map<std::string, std::string>& endpoints);

}  // namespace firth::server
