// Whether a configuration makes sense, before anything is opened.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "firth/access/access.h"
#include "firth/net/address.h"
#include "firth/server/config_keys.h"
#include "firth/server/doors.h"
#include "firth/server/log_level.h"

namespace firth::server {
namespace {

constexpr size_t kSecretLengthMin = 8;

Status Wrong(std::string problem) {
  return Error(Code::kInvalidArgument, Reason::kNone, std::move(problem));
}

Status CheckAddress(const Config& config, const DoorName& door, const std::string& text) {
  const auto address = net::ParseAddress(text);
  if (!address.ok())
    return Wrong(fmt::format("door {}: {}", door.name, MessageOf(address.status())));
  if (config.dev && !net::IsLoopback(*address)) {
    return Wrong(fmt::format(
        "door {}: --dev lets everybody in, so it listens on this machine only, not at {}; use "
        "localhost:{}, or leave out --dev",
        door.name, text, address->port));
  }
  if (door.hands_out_host && net::IsWildcard(*address) && config.advertise.empty()) {
    return Wrong(
        fmt::format("door {} listens at {}, and hands out its host to clients: set doors.advertise "
                    "(--advertise) "
                    "to a host name or address that they can reach",
                    door.name, text));
  }
  return Status::OK();
}

Status CheckDoors(const Config& config) {
  for (const auto& [name, addresses] : config.doors) {
    const DoorName* door = FindDoor(name);
    if (door == nullptr) return Wrong(fmt::format("this build has no door '{}'", name));
    if (door->needs_tls && config.tls_certificate_file.empty()) {
      return Wrong(fmt::format("door {} needs doors.tls, which names `cert` and `key`", name));
    }
    for (const auto& address : addresses) {
      ARROW_RETURN_NOT_OK(CheckAddress(config, *door, address));
    }
  }
  return Status::OK();
}

Status CheckTls(const Config& config) {
  if (config.tls_certificate_file.empty() != config.tls_key_file.empty()) {
    return Wrong("doors.tls needs both `cert` and `key`");
  }
  for (const auto& file : {config.tls_certificate_file, config.tls_key_file}) {
    if (!file.empty() && ::access(file.c_str(), R_OK) != 0) {
      return Wrong(fmt::format("doors.tls: the file {} cannot be read", file));
    }
  }
  return Status::OK();
}

Status CheckFolders(const Config& config) {
  for (const auto& folder : config.deltacat_folders) {
    if (!folder.starts_with('/')) {
      return Wrong(fmt::format("deltacat.folders: '{}' is not an absolute path", folder));
    }
  }
  return Status::OK();
}

Status CheckRole(const std::string& where, const std::string& role) {
  if (access::RightsOfRole(role).ok()) return Status::OK();
  return Wrong(
      fmt::format("{}: there is no role '{}'; roles are admin, writer, reader, none", where, role));
}

Status CheckUsers(const Config& config) {
  std::set<std::string> names;
  std::set<std::string> secrets;
  for (const auto& user : config.users) {
    if (user.name.empty()) return Wrong("a [[user]] has no name");
    if (!names.insert(user.name).second) {
      return Wrong(fmt::format("user '{}' is named twice", user.name));
    }
    if (user.secret.size() < kSecretLengthMin) {
      return Wrong(fmt::format("user '{}': a secret has at least {} characters", user.name,
                               kSecretLengthMin));
    }
    if (!secrets.insert(user.secret).second) {
      return Wrong(fmt::format("user '{}' has the secret of another user", user.name));
    }
    ARROW_RETURN_NOT_OK(CheckRole(fmt::format("user '{}'", user.name), user.role));
  }
  return Status::OK();
}

}  // namespace

Result<uint64_t> JournalFileBytes(const Config& config) {
  constexpr uint64_t kLeast = 64 << 10;
  constexpr uint64_t kMost = uint64_t{64} << 30;
  const std::string& text = config.journal_file_bytes;
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error == std::errc() && end == text.data() + text.size() && bytes >= kLeast &&
      bytes <= kMost) {
    return bytes;
  }
  return Wrong(fmt::format("journal.file_bytes is a number from {} to {}, not '{}'", kLeast, kMost,
                           text.substr(0, 64)));
}

Result<int64_t> NumberOf(const Config& config, const std::string& path) {
  const auto& keys = NumberKeys();
  const auto key = std::find_if(keys.begin(), keys.end(),
                                [&](const NumberKey& one) { return one.path == path; });
  FIRTH_CHECK(key != keys.end());
  const auto found = config.numbers.find(path);
  if (found == config.numbers.end()) return key->otherwise;
  const std::string& text = found->second;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= key->least &&
      number <= key->most) {
    return number;
  }
  return Wrong(fmt::format("{} is a number from {} to {}, not '{}'", path, key->least, key->most,
                           text.substr(0, 64)));
}

Status CheckConfig(const Config& config) {
  if (config.data.empty()) return Wrong("'data' names no folder");
  ARROW_RETURN_NOT_OK(CheckDoors(config));
  ARROW_RETURN_NOT_OK(CheckTls(config));
  ARROW_RETURN_NOT_OK(CheckFolders(config));
  ARROW_RETURN_NOT_OK(CheckUsers(config));
  ARROW_RETURN_NOT_OK(CheckRole("access.anonymous", config.anonymous));
  ARROW_RETURN_NOT_OK(JournalFileBytes(config).status());
  for (const NumberKey& key : NumberKeys()) {
    ARROW_RETURN_NOT_OK(NumberOf(config, std::string(key.path)).status());
  }
  return ParseLogLevel(config.log_level).status();
}

}  // namespace firth::server
