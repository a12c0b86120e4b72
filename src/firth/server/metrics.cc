#include "firth/server/metrics.h"

#include <arrow/memory_pool.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace firth::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

/// Families as they are gathered.
class Families {
 public:
  void Begin(MetricType type, std::string name, std::string help) {
    all_.push_back({std::move(name), std::move(help), type, {}});
  }
  void Add(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (all_.back().type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    all_.back().metric.push_back(std::move(metric));
  }
  void Counter(std::string name, std::string help, double value) {
    Begin(MetricType::Counter, std::move(name), std::move(help));
    Add(value);
  }
  void Gauge(std::string name, std::string help, double value) {
    Begin(MetricType::Gauge, std::move(name), std::move(help));
    Add(value);
  }
  const std::vector<MetricFamily>& all() const { return all_; }

 private:
  std::vector<MetricFamily> all_;
};

void AddLog(const MetricsInput& input, Families* out) {
  const auto& log = input.log;
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  out->Counter("firth_commits_total", "Commits made durable", number(log.commits));
  out->Counter("firth_commit_groups_total", "Groups that commits were written in",
               number(log.groups));
  out->Counter("firth_journal_syncs_total", "Syncs of journal files", number(log.syncs));
  out->Counter("firth_entries_total", "Entries written", number(log.entries));
  out->Counter("firth_entry_bytes_total", "Bytes of entries written", number(log.bytes));
  out->Gauge("firth_commit_queue_bytes", "Bytes of commits that wait to be written",
             number(log.queue_bytes));
  out->Gauge("firth_followers", "Readers that wait for rows to come", number(log.followers));
  out->Gauge("firth_journal_files", "Journal files that are kept", number(log.journal_files));
  out->Gauge("firth_last_commit", "Id of the last commit", static_cast<double>(input.last_commit));
}

/// The door that listens at the first of these endpoints.
std::string DoorOf(const MetricsInput& input, const net::Traffic& traffic) {
  for (const auto& [door, endpoints] : input.doors) {
    if (!endpoints.empty() && !traffic.endpoints.empty() &&
        std::find(endpoints.begin(), endpoints.end(), traffic.endpoints.front()) !=
            endpoints.end()) {
      return door;
    }
  }
  return "";
}

void AddDoors(const MetricsInput& input, Families* out) {
  out->Begin(MetricType::Gauge, "firth_door_open", "1 for each door that accepts connections");
  for (const auto& [door, endpoints] : input.doors) out->Add(1, {{"door", door}});

  const auto each = [&](uint64_t net::Traffic::* field) {
    for (const auto& traffic : input.traffic) {
      const std::string door = DoorOf(input, traffic);
      if (!door.empty()) out->Add(static_cast<double>(traffic.*field), {{"door", door}});
    }
  };
  out->Begin(MetricType::Gauge, "firth_door_connections", "Connections that are open");
  each(&net::Traffic::connections);
  out->Begin(MetricType::Counter, "firth_door_connections_total", "Connections accepted");
  each(&net::Traffic::connections_total);
  out->Begin(MetricType::Counter, "firth_door_connections_refused_total",
             "Connections closed at once because too many were open");
  each(&net::Traffic::connections_refused);
  out->Begin(MetricType::Counter, "firth_door_received_bytes_total", "Bytes read from clients");
  each(&net::Traffic::bytes_in);
  out->Begin(MetricType::Counter, "firth_door_sent_bytes_total", "Bytes written to clients");
  each(&net::Traffic::bytes_out);
}

void AddServer(const MetricsInput& input, Families* out) {
  out->Gauge("firth_ready", "1 while all doors accept and the server is not stopping",
             input.ready ? 1 : 0);
  out->Begin(MetricType::Gauge, "firth_pool_backlog", "Tasks that wait for a thread of the pool");
  for (const auto& [pool, backlog] : input.backlogs) {
    out->Add(static_cast<double>(backlog), {{"pool", pool}});
  }
  out->Gauge("firth_arrow_memory_bytes", "Bytes held in Arrow buffers",
             static_cast<double>(arrow::default_memory_pool()->bytes_allocated()));
}

double ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t pages_all = 0;
  uint64_t pages_resident = 0;
  file >> pages_all >> pages_resident;
  return static_cast<double>(pages_resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double OpenFiles() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(begin(files), end(files)));
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void AddProcess(const MetricsInput& input, Families* out) {
  out->Counter("process_cpu_seconds_total", "Processor time spent, user and system", CpuSeconds());
  out->Gauge("process_resident_memory_bytes", "Memory resident", ResidentBytes());
  out->Gauge("process_open_fds", "File descriptors that are open", OpenFiles());
  out->Gauge("process_start_time_seconds", "When the server started, since the Unix epoch",
             static_cast<double>(input.start_time_ns) / 1e9);
}

}  // namespace

std::string MetricsText(const MetricsInput& input) {
  Families families;
  AddServer(input, &families);
  AddLog(input, &families);
  AddDoors(input, &families);
  AddProcess(input, &families);
  return prometheus::TextSerializer().Serialize(families.all());
}

}  // namespace firth::server
