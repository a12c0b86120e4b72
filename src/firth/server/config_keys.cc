#include "firth/server/config_keys.h"

#include <algorithm>
#include <cctype>

#include "firth/server/doors.h"

namespace firth::server {
namespace {

constexpr char kDoorPrefix[] = "doors.";
constexpr char kJournalFileBytes[] = "journal.file_bytes";
constexpr int64_t kMostBytes = int64_t{1} << 40;

std::string FlagOf(const std::string& path) {
  std::string flag = path.starts_with(kDoorPrefix) ? path.substr(sizeof kDoorPrefix - 1) : path;
  std::replace_if(flag.begin(), flag.end(), [](char c) { return c == '.' || c == '_'; }, '-');
  return flag;
}

std::string EnvironmentOf(const std::string& path) {
  std::string name = "FIRTH_";
  for (const char c : path) {
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::vector<ConfigKey> MakeKeys() {
  std::vector<ConfigKey> keys;
  const auto add = [&keys](const std::string& path, std::string otherwise, std::string meaning) {
    keys.push_back(
        {path, FlagOf(path), EnvironmentOf(path), std::move(otherwise), std::move(meaning)});
  };
  add("data", "data", "the folder that holds everything");
  for (const auto& kind : DoorKinds()) {
    for (const auto& door : kind.names) {
      add(kDoorPrefix + std::string(door.name),
          "closed; with --dev localhost:" + std::to_string(door.port), std::string(door.meaning));
    }
  }
  add("doors.tls.cert", "", "PEM file with the certificate chain that doors show");
  add("doors.tls.key", "", "PEM file with its private key");
  add("doors.advertise", "", "the host that protocols hand out to clients");
  add("access.anonymous", "none; with --dev admin", "the role of a caller without credentials");
  add("sleeper.instances", "none; with --dev nyc",
      "the namespaces that the door aws shows as Sleeper instances");
  add("sleeper.account", "000000000000", "the account that the door aws says they belong to");
  add("sleeper.region", "eu-west-2", "and the region");
  add("deltacat.folders", "none; with --dev the working folder and that of temporary files",
      "folders whose files clients of the door deltacat may write by their path");
  add("sleeper.url", "as each client calls it", "the public address of the door aws");
  add("log.level", "info", "the least level that is logged: debug, info, warning, error");
  add(kJournalFileBytes, "1073741824", "at what size a new journal file is begun");
  for (const NumberKey& key : NumberKeys()) {
    add(std::string(key.path),
        key.otherwise_text.empty() ? std::to_string(key.otherwise)
                                   : std::string(key.otherwise_text),
        std::string(key.meaning));
  }
  return keys;
}

Status SetOne(std::string* out, const ConfigKey& key, const std::vector<std::string>& values) {
  if (values.size() != 1) {
    return Error(
        Code::kInvalidArgument, Reason::kNone,
        "'" + key.path + "' takes one value, not a list of " + std::to_string(values.size()));
  }
  *out = values[0];
  return Status::OK();
}

void SetList(std::vector<std::string>* out, const std::vector<std::string>& values) {
  out->clear();
  for (const auto& value : values) {
    if (!value.empty()) out->push_back(value);
  }
}

}  // namespace

const std::vector<NumberKey>& NumberKeys() {
  static const std::vector<NumberKey> keys = {
      {"journal.recent_bytes", 64 << 10, int64_t{16} << 30, 32 << 20,
       "memory for what was written last, from which followers are served"},
      {"keys.lag_bytes", 64 << 10, kMostBytes, 64 << 20,
       "how far the key view may fall behind, before writes of keyed tables wait"},
      {"keys.memory_bytes", 8 << 20, kMostBytes, kUsualKeyMemory,
       "memory for rows of keyed tables: those used lately, those to be written, blocks of files",
       "an eighth of the machine's memory, at least 536870912"},
      {"keys.room_bytes", 1 << 20, kMostBytes, 32 << 20,
       "what writes of keyed tables leave free on the disk, beside what is in memory only"},
      {"lake.interval_ms", 0, 86'400'000, 5000,
       "how often logs are looked at, to be cut into lake files; 0: only on demand"},
      {"lake.behind_bytes", 1, kMostBytes, 4 << 20,
       "a log is cut when so many of its bytes are not in files"},
      {"lake.behind_seconds", 0, 86'400, 60, "or any of its rows was not for so long"},
      {"lake.hot_bytes", 0, kMostBytes, 16 << 20,
       "a table that grew by so much between two looks is cut later; 0: none is"},
      {"lake.hot_behind_bytes", 1, kMostBytes, 1 << 30,
       "it is cut when so many of its bytes are not in files"},
      {"lake.hot_behind_seconds", 0, 86'400, 600, "or any of its rows was not for so long"},
      {"lake.buffer_bytes", 1 << 20, kMostBytes, 48 << 20,
       "bytes of rows that a cut holds in memory: what a new file is made of"},
      {"lake.file_bytes", 1 << 20, kMostBytes, 512 << 20, "files are not merged into larger ones"},
      {"lake.keep_seconds", 0, 366 * 86'400, 3600,
       "how long past snapshots of files stay for other engines"},
      {"query.memory_bytes", 32 << 20, kMostBytes, 1 << 30, "memory of one SQL statement"},
      {"query.spill_bytes", 0, kMostBytes, int64_t{4} << 30,
       "disk of one SQL statement that needs more; 0: none"},
      {"query.seconds", 1, 86'400, 300, "time of one SQL statement"},
      {"query.threads", 1, 256, 2, "threads of one SQL statement"},
      {"query.at_once", 1, 1024, 8, "SQL statements at once"},
      {"streams.sql_memory_bytes", 1 << 20, kMostBytes, 64 << 20,
       "memory of all SQL statements over streams together; sorts and groups that need more use "
       "disk"},
  };
  return keys;
}

bool IsNumber(const std::string& path) {
  const auto& keys = NumberKeys();
  return path == kJournalFileBytes ||
         std::any_of(keys.begin(), keys.end(),
                     [&](const NumberKey& key) { return key.path == path; });
}

const std::vector<ConfigKey>& ConfigKeys() {
  static const std::vector<ConfigKey> keys = MakeKeys();
  return keys;
}

const ConfigKey* FindKey(const std::string& path) {
  for (const auto& key : ConfigKeys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

Status SetKey(Config* config, const ConfigKey& key, const std::vector<std::string>& values) {
  if (key.path == "data") return SetOne(&config->data, key, values);
  if (key.path == "doors.tls.cert") return SetOne(&config->tls_certificate_file, key, values);
  if (key.path == "doors.tls.key") return SetOne(&config->tls_key_file, key, values);
  if (key.path == "doors.advertise") return SetOne(&config->advertise, key, values);
  if (key.path == "access.anonymous") return SetOne(&config->anonymous, key, values);
  if (key.path == "sleeper.account") return SetOne(&config->sleeper_account, key, values);
  if (key.path == "sleeper.region") return SetOne(&config->sleeper_region, key, values);
  if (key.path == "sleeper.url") return SetOne(&config->sleeper_url, key, values);
  if (key.path == "deltacat.folders") {
    SetList(&config->deltacat_folders, values);
    return Status::OK();
  }
  if (key.path == "sleeper.instances") {
    SetList(&config->sleeper_instances, values);
    return Status::OK();
  }
  if (key.path == kJournalFileBytes) return SetOne(&config->journal_file_bytes, key, values);
  if (key.path == "log.level") return SetOne(&config->log_level, key, values);
  for (const NumberKey& number : NumberKeys()) {
    if (number.path == key.path) return SetOne(&config->numbers[key.path], key, values);
  }
  FIRTH_CHECK(key.path.starts_with(kDoorPrefix));
  SetList(&config->doors[key.path.substr(sizeof kDoorPrefix - 1)], values);
  return Status::OK();
}

}  // namespace firth::server
