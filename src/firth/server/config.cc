#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "firth/server/config_keys.h"
#include "firth/server/doors.h"
#include "firth/server/nearest.h"

namespace firth::server {
namespace {

/// Names with our prefix that are for other programs: the command line, and the tools around tests.
constexpr std::array<std::string_view, 9> kForeignNames{
    "FIRTH_SERVER", "FIRTH_SECRET", "FIRTH_BINARY",       "FIRTH_BUILD",       "FIRTH_DEPS",
    "FIRTH_CONFIG", "FIRTH_TESTS",  "FIRTH_SOAK_SECONDS", "FIRTH_CRASH_CYCLES"};
/// And those that begin like this.
constexpr std::array<std::string_view, 2> kForeignPrefixes{"FIRTH_TEST_", "FIRTH_CLIENT_"};

bool IsForeign(std::string_view name) {
  return std::find(kForeignNames.begin(), kForeignNames.end(), name) != kForeignNames.end() ||
         std::any_of(kForeignPrefixes.begin(), kForeignPrefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> members;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    members.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return members;
}

/// Doors, instances and folders are lists; the value of any other key may hold a comma.
std::vector<std::string> ValuesOf(const ConfigKey& key, const std::string& text) {
  if (key.path == "sleeper.instances" || key.path == "deltacat.folders") return Split(text);
  const bool is_door = key.path.starts_with("doors.") && KnownDoors().contains(key.path.substr(6));
  return is_door ? Split(text) : std::vector<std::string>{text};
}

/// One of the two ways to set keys that have flat names.
struct FlatNames {
  std::string ConfigKey::* field;
  std::string_view what;
  std::string_view prefix;  // before a name, as its user wrote it
};
constexpr FlatNames kEnvironment{&ConfigKey::environment, "environment variable", ""};
constexpr FlatNames kFlags{&ConfigKey::flag, "option", "--"};

/// Set the key that goes by `name`.
Status MergeNamed(const FlatNames& names, const std::string& name, const std::string& value,
                  Config* config) {
  std::vector<std::string> known;
  for (const auto& key : ConfigKeys()) {
    if (key.*names.field == name) return SetKey(config, key, ValuesOf(key, value));
    known.push_back(key.*names.field);
  }
  return Error(Code::kInvalidArgument, Reason::kNone,
               fmt::format("unknown {} {}{}{}", names.what, names.prefix, name,
                           DidYouMean(name, known, names.prefix, "")));
}

std::vector<std::string> DefaultForDev(uint16_t port) {
  return {"localhost:" + std::to_string(port)};
}

void AddDefaultsForDev(Config* config) {
  config->anonymous = "admin";
  config->sleeper_instances = {"nyc"};
  std::error_code error;
  for (const auto& folder :
       {std::filesystem::current_path(error), std::filesystem::temp_directory_path(error)}) {
    if (!folder.empty()) config->deltacat_folders.push_back(folder.string());
  }
  for (const auto& [door, port] : KnownDoors()) {
    config->doors[door] = DefaultForDev(port);
  }
}

}  // namespace

Result<Config> LoadConfig(const std::string& file,
                          const std::map<std::string, std::string>& environment,
                          const std::map<std::string, std::string>& flags, bool dev) {
  Config config;
  config.dev = dev;
  if (dev) AddDefaultsForDev(&config);
  if (!file.empty()) ARROW_RETURN_NOT_OK(MergeFile(file, &config));
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("FIRTH_") || IsForeign(name)) continue;
    ARROW_RETURN_NOT_OK(MergeNamed(kEnvironment, name, value, &config));
  }
  for (const auto& [name, value] : flags) {
    ARROW_RETURN_NOT_OK(MergeNamed(kFlags, name, value, &config));
  }
  std::erase_if(config.doors, [](const auto& door) { return door.second.empty(); });
  if (dev && config.tls_certificate_file.empty()) {
    std::erase_if(config.doors, [](const auto& door) {
      const DoorName* known = FindDoor(door.first);
      return known != nullptr && known->needs_tls && door.second == DefaultForDev(known->port);
    });
  }
  ARROW_RETURN_NOT_OK(CheckConfig(config));
  return config;
}

}  // namespace firth::server
