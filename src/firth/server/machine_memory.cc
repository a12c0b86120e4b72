#include "firth/server/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "firth/common/text.h"

namespace firth::server {
namespace {

constexpr uint64_t kKeyShare = 8;
constexpr uint64_t kKeyBytesMin = uint64_t{512} << 20;

/// The limit that a file holds; none, if it is absent or says `max`.
uint64_t LimitIn(const std::string& file) {
  std::ifstream in(file);
  std::string word;
  in >> word;
  const auto limit = ParseInt64(word);
  return limit.ok() && *limit > 0 ? static_cast<uint64_t>(*limit) : UINT64_MAX;
}

/// The group of this process in the hierarchy that all controllers share; "" where there is none.
std::string GroupOf(const std::string& root) {
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return "";
}

}  // namespace

uint64_t MachineMemoryBytes(const std::string& root) {
  uint64_t bytes =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const std::string mounted = root + "/sys/fs/cgroup";
  bytes = std::min(bytes, LimitIn(mounted + "/memory/memory.limit_in_bytes"));
  // A group has at most what those above it have. A container sees its own as the topmost.
  for (std::string group = GroupOf(root); group.size() > 1; group.resize(group.find_last_of('/'))) {
    bytes = std::min(bytes, LimitIn(mounted + group + "/memory.max"));
  }
  return std::min(bytes, LimitIn(mounted + "/memory.max"));
}

uint64_t UsualKeyMemoryBytes(uint64_t machine_bytes) {
  return std::max(machine_bytes / kKeyShare, kKeyBytesMin);
}

}  // namespace firth::server
