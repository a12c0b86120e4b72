#include "firth/server/server.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <utility>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/logging.h"
#include "firth/common/random.h"
#include "firth/common/thread_priority.h"
#include "firth/net/address.h"
#include "firth/net/event_loops.h"
#include "firth/server/config_keys.h"
#include "firth/server/data_folder.h"
#include "firth/server/doors.h"
#include "firth/server/log_level.h"
#include "firth/server/machine_memory.h"
#include "firth/server/metrics.h"
#include "firth/server/users.h"
#include "firth/store/file_system.h"
#include "firth/store/own_folder.h"
#include "firth/table/database.h"
#include "firth/table/key_view_folder.h"

namespace firth::server {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr size_t kLoops = 2;
constexpr size_t kReaders = 2;
constexpr size_t kLookups = 2;
constexpr size_t kBlocking = 4;
/// How often logs are trimmed, and the journal's files rewritten.
constexpr int64_t kRetentionIntervalNs = int64_t{60} * 1'000'000'000;
/// Clients have this long to take their last answers when the server stops.
constexpr int64_t kGraceNs = int64_t{10} * 1'000'000'000;

/// The address at which a program of this machine reaches a door.
std::string Reachable(const std::string& endpoint) {
  auto address = net::ParseAddress(endpoint);
  if (!address.ok() || !net::IsWildcard(*address)) return endpoint;
  address->host = address->host.find(':') == std::string::npos ? "127.0.0.1" : "::1";
  return net::FormatAddress(*address);
}

class ServerImpl : public Server, public ServerState {
 public:
  explicit ServerImpl(const Config& config) : config_(config) {}
  ~ServerImpl() override { Stop(); }

  Status Open() {
    ARROW_RETURN_NOT_OK(store::MakeOwnFolder(config_.data));
    ARROW_ASSIGN_OR_RAISE(files_, store::OpenLocalFileSystem(config_.data));
    ARROW_RETURN_NOT_OK(files_->Remove(kEndpointsFile));  // of a process that was killed
    writer_ = std::make_unique<ThreadPool>("writer", 1, &clock_);
    readers_ = std::make_unique<ThreadPool>("reader", kReaders, &clock_);
    lookups_ = std::make_unique<ThreadPool>("lookup", kLookups, &clock_);
    blocking_ = std::make_unique<ThreadPool>("blocking", kBlocking, &clock_);
    background_ = std::make_unique<ThreadPool>("background", 1, &clock_);
    background_->Post(LowerThreadPriority);
    // What was appended last stays where it was received.
    ARROW_ASSIGN_OR_RAISE(const int64_t recent, NumberOf(config_, "journal.recent_bytes"));
    loops_ = std::make_unique<net::EventLoops>(kLoops, static_cast<size_t>(recent));
    ARROW_RETURN_NOT_OK(OpenDatabase());
    ARROW_RETURN_NOT_OK(PutUsers(config_, database_->access(), &random_));
    ARROW_RETURN_NOT_OK(StartDoors());
    const std::string text = EndpointsText(endpoints_);
    ARROW_RETURN_NOT_OK(store::WriteFileAtomically(files_.get(), kEndpointsFile, AsBytes(text)));
    logging::Info("server", "ready, at commit {}", database_->LastCommit().value);
    opened_ = true;
    ready_ = true;
    return Status::OK();
  }

  const std::map<std::string, std::string>& endpoints() const override { return endpoints_; }

  Status Wait() override {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return stopped_ || !fault_.ok(); });
    return fault_;
  }

  void Stop() override {
    {
      std::unique_lock lock(mutex_);
      if (std::exchange(stopping_, true)) {
        ended_.wait(lock, [this] { return stopped_; });
        return;
      }
    }
    ready_ = false;
    StopAll();
    std::lock_guard lock(mutex_);
    stopped_ = true;
    ended_.notify_all();
  }

  bool IsReady() const override { return ready_; }

  std::string MetricsText() const override {
    MetricsInput input;
    input.log = database_->LogMetrics();
    input.last_commit = database_->LastCommit().value;
    {
      std::lock_guard lock(mutex_);
      for (const auto& door : doors_)
        input.doors.insert(door.endpoints.begin(), door.endpoints.end());
    }
    input.traffic = loops_->GetTraffic();
    input.backlogs = {{"writer", writer_->Backlog()},
                      {"reader", readers_->Backlog()},
                      {"lookup", lookups_->Backlog()},
                      {"blocking", blocking_->Backlog()}};
    input.ready = ready_;
    input.start_time_ns = start_time_ns_;
    return server::MetricsText(input);
  }

 private:
  Status OpenDatabase() {
    table::DatabaseOptions options;
    options.files = files_.get();
    options.clock = &clock_;
    options.random = &random_;
    options.writer = writer_.get();
    options.readers = readers_.get();
    options.anonymous_role = config_.anonymous;
    options.background = background_.get();
    options.lookups = lookups_.get();
    options.local_folder = std::filesystem::absolute(config_.data).lexically_normal().string();
    ARROW_RETURN_NOT_OK(SetLake(&options));
    ARROW_RETURN_NOT_OK(SetQuery(&options.query));
    options.key_view_folder = options.local_folder + "/" + table::kKeyViewFolder;
    options.retention_interval_ns = kRetentionIntervalNs;
    ARROW_ASSIGN_OR_RAISE(options.journal_file_bytes_max, JournalFileBytes(config_));
    ARROW_ASSIGN_OR_RAISE(const int64_t recent, NumberOf(config_, "journal.recent_bytes"));
    options.journal_recent_bytes = static_cast<uint64_t>(recent);
    ARROW_ASSIGN_OR_RAISE(const int64_t lag, NumberOf(config_, "keys.lag_bytes"));
    ARROW_ASSIGN_OR_RAISE(const int64_t room, NumberOf(config_, "keys.room_bytes"));
    ARROW_ASSIGN_OR_RAISE(const int64_t key_memory, NumberOf(config_, "keys.memory_bytes"));
    options.key_memory_bytes = key_memory == kUsualKeyMemory
                                   ? UsualKeyMemoryBytes(MachineMemoryBytes())
                                   : static_cast<uint64_t>(key_memory);
    options.key_lag_bytes_max = static_cast<uint64_t>(lag);
    options.key_room_bytes = static_cast<uint64_t>(room);
    options.on_fatal = [this](const Status& fault) { OnFatal(fault); };
    ARROW_ASSIGN_OR_RAISE(database_, table::Database::Open(std::move(options)));
    return Status::OK();
  }

  Status SetLake(table::DatabaseOptions* options) const {
    ARROW_ASSIGN_OR_RAISE(const int64_t interval_ms, NumberOf(config_, "lake.interval_ms"));
    ARROW_ASSIGN_OR_RAISE(const int64_t behind, NumberOf(config_, "lake.behind_bytes"));
    ARROW_ASSIGN_OR_RAISE(const int64_t behind_s, NumberOf(config_, "lake.behind_seconds"));
    ARROW_ASSIGN_OR_RAISE(const int64_t buffer, NumberOf(config_, "lake.buffer_bytes"));
    ARROW_ASSIGN_OR_RAISE(const int64_t file, NumberOf(config_, "lake.file_bytes"));
    ARROW_ASSIGN_OR_RAISE(const int64_t keep_s, NumberOf(config_, "lake.keep_seconds"));
    ARROW_ASSIGN_OR_RAISE(const int64_t hot, NumberOf(config_, "lake.hot_bytes"));
    ARROW_ASSIGN_OR_RAISE(const int64_t hot_behind, NumberOf(config_, "lake.hot_behind_bytes"));
    ARROW_ASSIGN_OR_RAISE(const int64_t hot_behind_s, NumberOf(config_, "lake.hot_behind_seconds"));
    options->lake_hot_bytes = static_cast<uint64_t>(hot);
    options->lake_hot_behind_bytes_max = static_cast<uint64_t>(hot_behind);
    options->lake_hot_behind_ns_max = hot_behind_s * kSecondNs;
    options->lake_interval_ns = interval_ms * 1'000'000;
    options->lake_behind_bytes_max = static_cast<uint64_t>(behind);
    options->lake_behind_ns_max = behind_s * kSecondNs;
    options->lake_buffer_bytes_max = static_cast<uint64_t>(buffer);
    options->lake_file_bytes_max = static_cast<uint64_t>(file);
    options->lake_keep_ns = keep_s * kSecondNs;
    return Status::OK();
  }

  Status SetQuery(query::QueryLimits* limits) const {
    ARROW_ASSIGN_OR_RAISE(const int64_t memory, NumberOf(config_, "query.memory_bytes"));
    ARROW_ASSIGN_OR_RAISE(const int64_t spill, NumberOf(config_, "query.spill_bytes"));
    ARROW_ASSIGN_OR_RAISE(const int64_t seconds, NumberOf(config_, "query.seconds"));
    ARROW_ASSIGN_OR_RAISE(const int64_t threads, NumberOf(config_, "query.threads"));
    ARROW_ASSIGN_OR_RAISE(const int64_t at_once, NumberOf(config_, "query.at_once"));
    *limits = {.memory_bytes = static_cast<uint64_t>(memory),
               .spill_bytes = static_cast<uint64_t>(spill),
               .threads = static_cast<int>(threads),
               .timeout_ns = seconds * kSecondNs,
               .queries = static_cast<int>(at_once)};
    return Status::OK();
  }

  bool IsConfigured(std::string_view door) const {
    const auto found = config_.doors.find(std::string(door));
    return found != config_.doors.end() && !found->second.empty();
  }

  Status StartDoors() {
    DoorParts parts;
    parts.config = &config_;
    parts.database = database_.get();
    parts.loops = loops_.get();
    parts.blocking = blocking_.get();
    parts.state = this;
    for (const auto& kind : DoorKinds()) {
      bool wanted = false;
      for (const auto& door : kind.names) wanted |= IsConfigured(door.name);
      if (!wanted) continue;
      auto door = kind.start(parts);
      if (!door.ok()) {
        return Error(CodeOf(door.status()), ReasonOf(door.status()),
                     fmt::format("door {}: {}", kind.names.front().name, MessageOf(door.status())));
      }
      AddDoor(std::move(*door));
    }
    if (endpoints_.empty()) logging::Warning("server", "no door is configured: nobody can connect");
    return Status::OK();
  }

  void AddDoor(RunningDoor door) {
    std::erase_if(door.endpoints, [](const auto& entry) { return entry.second.empty(); });
    for (const auto& [name, addresses] : door.endpoints) {
      endpoints_[name] = Reachable(addresses.front());
      logging::Info("server", "door {} listens at {}", name, fmt::join(addresses, ", "));
    }
    std::lock_guard lock(mutex_);
    doors_.push_back(std::move(door));
  }

  /// Nothing more can be made durable. Whoever waits for the server ends the process.
  void OnFatal(const Status& fault) {
    ready_ = false;
    logging::Error("server", "stopping, because nothing more can be made durable: {}",
                   MessageOf(fault));
    std::lock_guard lock(mutex_);
    if (fault_.ok()) fault_ = fault;
    ended_.notify_all();
  }

  /// Doors first, then what they call, each while what it calls is still there.
  void StopAll() {
    if (opened_) logging::Info("server", "stopping");
    if (files_) {
      if (const Status removed = files_->Remove(kEndpointsFile); !removed.ok()) {
        logging::Warning("server", "{}: {}", kEndpointsFile, MessageOf(removed));
      }
    }
    StopDoors();
    if (database_) {
      if (const Status closed = database_->Close(); !closed.ok()) {
        logging::Error("server", "closing the store: {}", MessageOf(closed));
      }
    }
    if (blocking_) blocking_->Stop();  // its tasks call the database, and doors that have stopped
    {
      std::lock_guard lock(mutex_);
      doors_.clear();
    }
    loops_.reset();
    database_.reset();
    for (const auto& pool : {&background_, &lookups_, &readers_, &writer_}) {
      if (*pool != nullptr) (*pool)->Stop();
    }
    files_.reset();
    if (opened_) logging::Info("server", "stopped");
  }

  /// The console last, so that the drain can be watched.
  void StopDoors() {
    int64_t grace_ns = kGraceNs;
    {
      std::lock_guard lock(mutex_);
      if (!fault_.ok()) grace_ns = 0;
    }
    const int64_t deadline_ns = clock_.MonotonicNs() + grace_ns;
    for (auto& door : doors_) door.stop(std::max<int64_t>(0, deadline_ns - clock_.MonotonicNs()));
  }

  const Config config_;
  const SystemClock clock_;
  SystemRandom random_;
  const int64_t start_time_ns_ = clock_.NowNs();
  std::unique_ptr<store::FileSystem> files_;
  std::unique_ptr<ThreadPool> writer_;
  std::unique_ptr<ThreadPool> readers_;
  std::unique_ptr<ThreadPool> lookups_;
  std::unique_ptr<ThreadPool> blocking_;
  std::unique_ptr<ThreadPool> background_;
  std::unique_ptr<net::EventLoops> loops_;
  std::unique_ptr<table::Database> database_;
  std::map<std::string, std::string> endpoints_;  // constant once Open has returned
  bool opened_ = false;                           // the same
  std::atomic<bool> ready_{false};

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<RunningDoor> doors_;  // guarded by mutex_ while Open or StopAll change it
  Status fault_;                    // guarded by mutex_
  bool stopping_ = false;           // guarded by mutex_
  bool stopped_ = false;            // guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(const Config& config) {
  ARROW_RETURN_NOT_OK(CheckConfig(config));
  ARROW_ASSIGN_OR_RAISE(const auto level, ParseLogLevel(config.log_level));
  logging::SetLevel(level);
  auto server = std::make_unique<ServerImpl>(config);
  ARROW_RETURN_NOT_OK(server->Open());
  return server;
}

}  // namespace firth::server
