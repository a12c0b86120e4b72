// A running Firth: one Database, and the doors that are configured.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"

namespace firth::server {

struct UserConfig {
  std::string name;
  std::string secret;
  std::string role = "none";
  std::string email;  // "" where none is given
};

/// Everything that can be configured, after file, environment and flags were merged.
struct Config {
  std::string data = "data";
  bool dev = false;
  /// Door name (`fluss`, `fluss_sasl`, `flight`, `console`, …) to the addresses it listens at.
  std::map<std::string, std::vector<std::string>> doors;
  std::string advertise;
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::vector<UserConfig> users;
  std::string anonymous = "none";
  /// Namespaces that the door `aws` shows as Sleeper instances, and what it says of them.
  std::vector<std::string> sleeper_instances;
  std::string sleeper_account = "000000000000";
  std::string sleeper_region = "eu-west-2";
  std::string sleeper_url;
  /// Where files lie that clients of the door `deltacat` may name, to be taken where they are.
  std::vector<std::string> deltacat_folders;
  std::string log_level = "info";
  /// As text, until it was checked: at what size a new journal file is begun.
  std::string journal_file_bytes = "1073741824";
  /// Keys that are whole numbers, as text until they were checked; absent: as the manual says.
  std::map<std::string, std::string> numbers;
};

/// A key that has one value, and the names it goes by.
struct ConfigKey {
  std::string path;         // in the file: `doors.fluss_sasl`
  std::string flag;         // `fluss-sasl`
  std::string environment;  // `FIRTH_DOORS_FLUSS_SASL`
  std::string otherwise;    // what it is when nobody sets it
  std::string meaning;
};

/// All keys that have one value, in the order of the manual.
const std::vector<ConfigKey>& ConfigKeys();

/// Merge the configuration: defaults, then the TOML file (if any), then the environment (`FIRTH_`
/// and the key's path in capitals, joined by `_`), then flags (key's path joined by `-`, without
/// `doors-`). A list is given as its members joined by `,`; a door with no address is closed. An
/// unknown key is an error that names the nearest right one; names in the environment that are for
/// other programs are left alone, as the manual lists. What it returns has passed CheckConfig.
Result<Config> LoadConfig(const std::string& file,
                          const std::map<std::string, std::string>& environment,
                          const std::map<std::string, std::string>& flags, bool dev);

/// Is every value possible, and do they go together? Reads the TLS files, opens nothing.
Status CheckConfig(const Config& config);

/// The configured size of journal files. Error kInvalidArgument.
Result<uint64_t> JournalFileBytes(const Config& config);

/// The value of a key that is a whole number. Error kInvalidArgument.
Result<int64_t> NumberOf(const Config& config, const std::string& path);

/// The names of all doors of this build, with the port where each one's client looks by default.
const std::map<std::string, uint16_t>& KnownDoors();

/// From Start to Stop every configured door accepts connections. Start writes `endpoints.json` into
/// the data folder, which maps each door's name to `host:port`; Stop removes it.
class Server {
 public:
  static Result<std::unique_ptr<Server>> Start(const Config& config);
  virtual ~Server() = default;
  virtual const std::map<std::string, std::string>& endpoints() const = 0;
  /// Wait until Stop is called, or a fatal fault; the fault's status.
  virtual Status Wait() = 0;
  /// Drain and stop. Safe to call from another thread. Blocks until all is stopped.
  virtual void Stop() = 0;
};

}  // namespace firth::server
