#include "sim/cut_points.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

namespace firth::sim {
namespace {

constexpr int kFramesMax = 20;

/// Which lines of source an address in this program is of, the innermost first.
std::map<void*, std::vector<std::string>> LinesOf(const std::set<void*>& addresses) {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&LinesOf), &self) == 0) return {};
  const char* base = static_cast<const char*>(self.dli_fbase);
  const std::string list = "/tmp/firth_sim_addresses_" + std::to_string(getpid());
  std::vector<void*> order;
  {
    const std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(list.c_str(), "w"), &std::fclose);
    if (out == nullptr) return {};
    for (void* address : addresses) {
      // What is kept is where a call returns to: the call is before it.
      const auto at = static_cast<const char*>(address) - base - 1;
      if (at < 0) continue;
      order.push_back(address);
      std::fprintf(out.get(), "0x%llx\n", static_cast<unsigned long long>(at));
    }
  }
  const std::string command =
      "addr2line -a -i -e /proc/" + std::to_string(getpid()) + "/exe < " + list;
  std::map<void*, std::vector<std::string>> lines;
  FILE* in = popen(command.c_str(), "r");
  if (in == nullptr) return {};
  char text[4096];
  size_t next = 0;
  while (std::fgets(text, sizeof text, in) != nullptr) {
    text[std::strcspn(text, "\n")] = '\0';
    if (std::strncmp(text, "0x", 2) == 0) {
      ++next;
    } else if (next > 0 && next <= order.size()) {
      lines[order[next - 1]].push_back(text);
    }
  }
  pclose(in);
  std::remove(list.c_str());
  return lines;
}

/// A line of ours, from the top of the source; empty for others and for what the disk's twin is
/// made of.
std::string PlaceOf(const std::string& line) {
  const size_t at = line.find("src/firth/");
  if (at == std::string::npos) return "";
  std::string place = line.substr(at, line.find(' ') - at);
  for (const char* twin : {"memory_file_system.cc", "name_tree.cc", "sector_content.cc"}) {
    if (place.find(twin) != std::string::npos) return "";
  }
  return place.find(".cc:") == std::string::npos ? "" : place;
}

}  // namespace

uint64_t CutPoints::Visit() {
  void* frames[kFramesMax];
  const auto count = static_cast<size_t>(backtrace(frames, kFramesMax));
  uint64_t hash = 0;
  for (size_t i = 0; i < count; ++i) {
    hash = (hash ^ reinterpret_cast<uint64_t>(frames[i])) * 1099511628211U;
  }
  std::lock_guard lock(mutex_);
  Point& point = points_[hash];
  if (point.chain.empty()) point.chain.assign(frames, frames + count);
  ++point.count.visits;
  return hash;
}

void CutPoints::Cut(uint64_t point) {
  std::lock_guard lock(mutex_);
  ++points_[point].count.cuts;
}

uint64_t CutPoints::distinct() const {
  std::lock_guard lock(mutex_);
  uint64_t distinct = 0;
  for (const auto& [hash, point] : points_) distinct += point.count.cuts > 0 ? 1 : 0;
  return distinct;
}

std::map<std::string, std::vector<uint64_t>> CutPoints::PointsOfPlaces() const {
  std::set<void*> addresses;
  for (const auto& [hash, point] : points_) {
    addresses.insert(point.chain.begin(), point.chain.end());
  }
  const auto lines = LinesOf(addresses);
  std::map<std::string, std::vector<uint64_t>> places;
  for (const auto& [hash, point] : points_) {
    std::string place;
    for (size_t i = 0; i < point.chain.size() && place.empty(); ++i) {
      const auto found = lines.find(point.chain[i]);
      if (found == lines.end()) continue;
      for (size_t l = 0; l < found->second.size() && place.empty(); ++l) {
        place = PlaceOf(found->second[l]);
      }
    }
    places[place].push_back(hash);
  }
  return places;
}

std::map<std::string, CutPoints::Count> CutPoints::Places() const {
  std::lock_guard lock(mutex_);
  std::map<std::string, Count> places;
  for (const auto& [place, hashes] : PointsOfPlaces()) {
    for (uint64_t hash : hashes) {
      const Count& count = points_.at(hash).count;
      places[place].visits += count.visits;
      places[place].cuts += count.cuts;
    }
  }
  return places;
}

std::map<uint64_t, std::string> CutPoints::NeverCut() const {
  std::lock_guard lock(mutex_);
  std::map<uint64_t, std::string> never;
  for (const auto& [place, hashes] : PointsOfPlaces()) {
    const auto was_cut = [&](uint64_t hash) { return points_.at(hash).count.cuts > 0; };
    if (std::none_of(hashes.begin(), hashes.end(), was_cut)) {
      for (uint64_t hash : hashes) never.emplace(hash, place);
    }
  }
  return never;
}

}  // namespace firth::sim
