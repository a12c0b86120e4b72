#include "firth/server/doors.h"

#include <filesystem>
#include <utility>

#include "firth/server/console.h"

#ifdef FIRTH_HAS_DOOR_FLUSS
#include "firth/doors/fluss/door.h"
#endif
#ifdef FIRTH_HAS_DOOR_BTRDB
#include "firth/doors/btrdb/door.h"
#endif
#ifdef FIRTH_HAS_DOOR_DELTACAT
#include "firth/doors/deltacat/door.h"
#endif
#ifdef FIRTH_HAS_DOOR_BENEATH
#include "firth/doors/beneath/door.h"
#endif
#ifdef FIRTH_HAS_DOOR_AWS
#include "firth/doors/aws/door.h"
#endif
#ifdef FIRTH_HAS_DOOR_FLIGHT
#include "firth/doors/flight/door.h"
#endif

namespace firth::server {
namespace {

/// The addresses of a door; none when it is closed.
std::vector<std::string> AddressesOf(const Config& config, const std::string& door) {
  const auto found = config.doors.find(door);
  return found == config.doors.end() ? std::vector<std::string>{} : found->second;
}

/// A running door that owns `door`.
template <typename Door>
RunningDoor Own(std::unique_ptr<Door> door,
                std::map<std::string, std::vector<std::string>> endpoints) {
  return {.endpoints = std::move(endpoints),
          .stop = [shared = std::shared_ptr<Door>(std::move(door))](int64_t grace_ns) {
            shared->Stop(grace_ns);
          }};
}

#ifdef FIRTH_HAS_DOOR_FLUSS
Result<RunningDoor> StartFluss(const DoorParts& parts) {
  doors::fluss::FlussDoorOptions options;
  options.database = parts.database;
  options.loops = parts.loops;
  options.blocking = parts.blocking;
  options.listen = AddressesOf(*parts.config, "fluss");
  options.listen_sasl = AddressesOf(*parts.config, "fluss_sasl");
  options.advertise = parts.config->advertise;
  ARROW_ASSIGN_OR_RAISE(auto door, doors::fluss::FlussDoor::Start(options));
  std::map<std::string, std::vector<std::string>> endpoints{{"fluss", door->endpoints()},
                                                            {"fluss_sasl", door->endpoints_sasl()}};
  return Own(std::move(door), std::move(endpoints));
}
#endif

#ifdef FIRTH_HAS_DOOR_BTRDB
Result<RunningDoor> StartBtrdb(const DoorParts& parts) {
  doors::btrdb::BtrdbDoorOptions options;
  options.database = parts.database;
  options.listen = AddressesOf(*parts.config, "btrdb");
  options.listen_tls = AddressesOf(*parts.config, "btrdb_tls");
  options.advertise = parts.config->advertise;
  options.tls_certificate_file = parts.config->tls_certificate_file;
  options.tls_key_file = parts.config->tls_key_file;
  ARROW_ASSIGN_OR_RAISE(const int64_t memory, NumberOf(*parts.config, "streams.sql_memory_bytes"));
  ARROW_ASSIGN_OR_RAISE(const int64_t disk, NumberOf(*parts.config, "query.spill_bytes"));
  options.sql_memory_bytes = static_cast<uint64_t>(memory);
  options.sql_disk_bytes = static_cast<uint64_t>(disk);
  ARROW_ASSIGN_OR_RAISE(auto door, doors::btrdb::BtrdbDoor::Start(options));
  std::map<std::string, std::vector<std::string>> endpoints{{"btrdb", door->endpoints()},
                                                            {"btrdb_tls", door->endpoints_tls()}};
  return Own(std::move(door), std::move(endpoints));
}
#endif

#ifdef FIRTH_HAS_DOOR_DELTACAT
Result<RunningDoor> StartDeltacat(const DoorParts& parts) {
  doors::deltacat::DeltacatDoorOptions options;
  options.database = parts.database;
  options.loops = parts.loops;
  options.blocking = parts.blocking;
  options.listen = AddressesOf(*parts.config, "deltacat");
  options.tls_certificate_file = parts.config->tls_certificate_file;
  options.tls_key_file = parts.config->tls_key_file;
  options.folders = parts.config->deltacat_folders;
  // Its clients read and write files themselves, whatever their own working folder is.
  std::error_code error;
  options.root = std::filesystem::canonical(parts.config->data, error).string();
  if (error) {
    return Error(Code::kUnavailable, Reason::kIo,
                 "the data folder cannot be resolved: " + error.message());
  }
  ARROW_ASSIGN_OR_RAISE(auto door, doors::deltacat::DeltacatDoor::Start(options));
  std::map<std::string, std::vector<std::string>> endpoints{{"deltacat", door->endpoints()}};
  return Own(std::move(door), std::move(endpoints));
}
#endif

#ifdef FIRTH_HAS_DOOR_BENEATH
Result<RunningDoor> StartBeneath(const DoorParts& parts) {
  doors::beneath::BeneathDoorOptions options;
  options.database = parts.database;
  options.loops = parts.loops;
  options.blocking = parts.blocking;
  options.listen_http = AddressesOf(*parts.config, "beneath_http");
  options.listen_grpc = AddressesOf(*parts.config, "beneath_grpc");
  options.tls_certificate_file = parts.config->tls_certificate_file;
  options.tls_key_file = parts.config->tls_key_file;
  for (const auto& user : parts.config->users) {
    if (!user.email.empty()) options.emails[user.name] = user.email;
  }
  ARROW_ASSIGN_OR_RAISE(auto door, doors::beneath::BeneathDoor::Start(options));
  std::map<std::string, std::vector<std::string>> endpoints{
      {"beneath_http", door->endpoints_http()}, {"beneath_grpc", door->endpoints_grpc()}};
  return Own(std::move(door), std::move(endpoints));
}
#endif

#ifdef FIRTH_HAS_DOOR_AWS
Result<RunningDoor> StartAws(const DoorParts& parts) {
  doors::aws::AwsDoorOptions options;
  options.database = parts.database;
  options.loops = parts.loops;
  options.listen = AddressesOf(*parts.config, "aws");
  options.tls_certificate_file = parts.config->tls_certificate_file;
  options.tls_key_file = parts.config->tls_key_file;
  options.instances = {.ids = parts.config->sleeper_instances,
                       .account = parts.config->sleeper_account,
                       .region = parts.config->sleeper_region,
                       .url = parts.config->sleeper_url};
  ARROW_ASSIGN_OR_RAISE(auto door, doors::aws::AwsDoor::Start(options));
  std::map<std::string, std::vector<std::string>> endpoints{{"aws", door->endpoints()}};
  return Own(std::move(door), std::move(endpoints));
}
#endif

#ifdef FIRTH_HAS_DOOR_FLIGHT
Result<RunningDoor> StartFlight(const DoorParts& parts) {
  doors::flight::FlightDoorOptions options;
  options.database = parts.database;
  options.listen = AddressesOf(*parts.config, "flight");
  options.tls_certificate_file = parts.config->tls_certificate_file;
  options.tls_key_file = parts.config->tls_key_file;
  ARROW_ASSIGN_OR_RAISE(auto door, doors::flight::FlightDoor::Start(options));
  std::map<std::string, std::vector<std::string>> endpoints{{"flight", door->endpoints()}};
  return Own(std::move(door), std::move(endpoints));
}
#endif

Result<RunningDoor> StartConsole(const DoorParts& parts) {
  ConsoleOptions options;
  options.loops = parts.loops;
  options.clock = &parts.database->clock();
  options.state = parts.state;
  options.listen = AddressesOf(*parts.config, "console");
  options.tls_certificate_file = parts.config->tls_certificate_file;
  options.tls_key_file = parts.config->tls_key_file;
  ARROW_ASSIGN_OR_RAISE(auto door, ConsoleDoor::Start(options));
  std::map<std::string, std::vector<std::string>> endpoints{{"console", door->endpoints()}};
  return Own(std::move(door), std::move(endpoints));
}

}  // namespace

const std::vector<DoorKind>& DoorKinds() {
  static const std::vector<DoorKind> kinds{
#ifdef FIRTH_HAS_DOOR_FLUSS
      {{{"fluss", 9123, "Apache Fluss, plaintext, without sign-in", true},
        {"fluss_sasl", 9223, "Apache Fluss with SASL/PLAIN", true}},
       StartFluss},
#endif
#ifdef FIRTH_HAS_DOOR_BTRDB
      {{{"btrdb", 4410, "BTrDB, plaintext gRPC"},
        {"btrdb_tls", 4411, "BTrDB, gRPC over TLS", false, /*needs_tls=*/true}},
       StartBtrdb},
#endif
#ifdef FIRTH_HAS_DOOR_DELTACAT
      {{{"deltacat", 8080, "DeltaCAT's HTTP calls"}}, StartDeltacat},
#endif
#ifdef FIRTH_HAS_DOOR_BENEATH
      {{{"beneath_http", 4000, "Beneath's control plane: GraphQL over HTTP"},
        {"beneath_grpc", 50051, "Beneath's data plane: gRPC"}},
       StartBeneath},
#endif
#ifdef FIRTH_HAS_DOOR_AWS
      {{{"aws", 4566, "S3 and a Sleeper instance's other AWS services, HTTP"}}, StartAws},
#endif
#ifdef FIRTH_HAS_DOOR_FLIGHT
      {{{"flight", 8815, "Arrow Flight: the native door, and that of the command line"}},
       StartFlight},
#endif
      {{{"console", 8090, "HTTP for operators: /metrics, /healthz, /readyz"}}, StartConsole},
  };
  return kinds;
}

const DoorName* FindDoor(std::string_view name) {
  for (const auto& kind : DoorKinds()) {
    for (const auto& door : kind.names) {
      if (door.name == name) return &door;
    }
  }
  return nullptr;
}

const std::map<std::string, uint16_t>& KnownDoors() {
  static const std::map<std::string, uint16_t> known = [] {
    std::map<std::string, uint16_t> ports;
    for (const auto& kind : DoorKinds()) {
      for (const auto& door : kind.names) ports.emplace(door.name, door.port);
    }
    return ports;
  }();
  return known;
}

}  // namespace firth::server
