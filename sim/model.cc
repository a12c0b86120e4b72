#include "sim/model.h"

#include <algorithm>

namespace firth::sim {
namespace {

std::string TextOf(const char* change, int32_t key, const std::string& value) {
  return std::string(change) + " " + std::to_string(key) + " " + value;
}

std::string Shortened(const std::string& text) {
  return text.size() <= 60 ? text : text.substr(0, 60) + "… (" + std::to_string(text.size()) + ")";
}

/// More bytes than an entry takes beside the text of its rows, and more rows than it has.
constexpr size_t kEntryBytes = 1000;
constexpr size_t kEntryRows = 24;

bool IsSameLog(const std::vector<std::string>& a, const std::vector<std::string>& b, bool trims) {
  if (a.size() != b.size()) return false;
  size_t kept = 0;
  while (kept < a.size() && (a[kept] == kTrimmed || b[kept] == kTrimmed)) ++kept;
  if (!std::equal(a.begin() + static_cast<std::ptrdiff_t>(kept), a.end(),
                  b.begin() + static_cast<std::ptrdiff_t>(kept))) {
    return false;
  }
  if (kept == 0) return true;
  // With the last entry that is gone there were too many bytes.
  size_t bytes = 0;
  for (size_t i = kept - std::min(kept, kEntryRows); i < a.size(); ++i) {
    bytes += kEntryBytes + std::max(a[i].size(), b[i].size());
  }
  return trims && bytes > kKeptBytes;
}

std::string Difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& found) {
  size_t at = 0;
  while (at < expected.size() && at < found.size() &&
         (expected[at] == found[at] || found[at] == kTrimmed)) {
    ++at;
  }
  return std::to_string(expected.size()) + " offsets expected, " + std::to_string(found.size()) +
         " found; at offset " + std::to_string(at) + " expected " +
         (at < expected.size() ? Shortened(expected[at]) : "the end") + ", found " +
         (at < found.size() ? Shortened(found[at]) : "the end");
}

std::string Difference(const TableModel& expected, const TableModel& found) {
  if (expected.keyed != found.keyed) return "keyed or not";
  if (expected.columns != found.columns) {
    return std::to_string(expected.columns) + " columns expected, " + std::to_string(found.columns);
  }
  for (const auto& [bucket, log] : expected.logs) {
    const auto other = found.logs.find(bucket);
    if (other == found.logs.end()) return "bucket " + bucket.first + " is empty";
    if (!IsSameLog(log, other->second, expected.trims))
      return "bucket " + bucket.first + ": " + Difference(log, other->second);
  }
  if (expected.logs.size() != found.logs.size()) return "a bucket with rows that none expected";
  return "the current rows";
}

}  // namespace

bool TableModel::operator==(const TableModel& other) const {
  return keyed == other.keyed && trims == other.trims && columns == other.columns &&
         current == other.current &&
         std::equal(logs.begin(), logs.end(), other.logs.begin(), other.logs.end(),
                    [&](const auto& a, const auto& b) {
                      return a.first == b.first && IsSameLog(a.second, b.second, trims);
                    });
}

void TableModel::Append(const BucketName& bucket, const std::vector<Row>& rows) {
  for (const auto& [key, value] : rows) logs[bucket].push_back(TextOf("+A", key, value));
}

void TableModel::Upsert(const std::vector<Row>& rows) {
  auto& log = logs[{"", 0}];
  for (const auto& [key, value] : rows) {
    const auto held = current.find(key);
    if (held == current.end()) {
      log.push_back(TextOf("+I", key, value));
    } else {
      log.push_back(TextOf("-U", key, held->second));
      log.push_back(TextOf("+U", key, value));
    }
    current[key] = value;
  }
}

void TableModel::Delete(const std::vector<int32_t>& keys) {
  auto& log = logs[{"", 0}];
  const size_t before = log.size();
  for (const int32_t key : keys) {
    const auto held = current.find(key);
    if (held == current.end()) continue;
    log.push_back(TextOf("-D", key, held->second));
    current.erase(held);
  }
  if (log.size() == before) log.push_back("-");
}

size_t TableModel::rows() const {
  size_t count = 0;
  for (const auto& [bucket, log] : logs) count += log.size();
  return count;
}

static std::string DifferenceOfValues(const std::map<std::string, std::string>& expected,
                                      const std::map<std::string, std::string>& found) {
  const auto text = [](const auto& values, const std::string& name) {
    const auto value = values.find(name);
    return value == values.end() ? std::string("nothing") : "'" + value->second + "'";
  };
  auto names = expected;
  names.insert(found.begin(), found.end());
  for (const auto& [name, value] : names) {
    if (text(expected, name) == text(found, name)) continue;
    return "the value " + name + ": " + text(expected, name) + " was expected, " +
           text(found, name) + " is there";
  }
  return "nothing";
}

std::string Difference(const Model& expected, const Model& found) {
  for (const auto& [path, table] : expected.tables) {
    const auto other = found.tables.find(path);
    if (other == found.tables.end()) return "the table " + path + " is not there";
    if (!(other->second == table)) return path + ": " + Difference(table, other->second);
  }
  for (const auto& [path, table] : found.tables) {
    if (!expected.tables.contains(path)) return "the table " + path + " is there";
  }
  for (const auto& [id, series] : expected.series) {
    const auto other = found.series.find(id);
    if (other == found.series.end()) return "series " + std::to_string(id) + " is not there";
    if (other->second.revision != series.revision) {
      return "series " + std::to_string(id) + " has revision " +
             std::to_string(other->second.revision) + " instead of " +
             std::to_string(series.revision);
    }
    if (!(other->second == series)) return "the points of series " + std::to_string(id);
  }
  if (expected.series.size() != found.series.size()) return "a series that none expected";
  return DifferenceOfValues(expected.values, found.values);
}

uint64_t Candidates::Send(Change change) {
  Model after = newest();
  change(&after);
  states_.push_back({.write = ++sent_, .change = std::move(change), .model = std::move(after)});
  return sent_;
}

void Candidates::Acknowledge(uint64_t write) {
  // It may have been seen, and so be known, already.
  while (states_.size() > 1 && states_[1].write <= write) states_.erase(states_.begin());
}

void Candidates::Refuse(uint64_t write) {
  const auto refused = std::find_if(states_.begin() + 1, states_.end(),
                                    [&](const State& state) { return state.write == write; });
  if (refused == states_.end()) return;
  for (auto later = states_.erase(refused); later != states_.end(); ++later) {
    later->model = std::prev(later)->model;
    later->change(&later->model);
  }
}

bool Candidates::Find(const Model& found) {
  const auto at = std::find_if(states_.begin(), states_.end(),
                               [&](const State& state) { return state.model == found; });
  if (at == states_.end()) return false;
  states_.erase(states_.begin(), at);
  return true;
}

bool Candidates::Adopt(const Model& found) {
  if (!Find(found)) return false;
  states_.resize(1);
  return true;
}

std::string Candidates::Explain(const Model& found) const {
  std::string text;
  for (size_t i = 0; i < states_.size(); ++i) {
    text += "\n  with " + std::to_string(i) +
            " of what was under way: " + Difference(states_[i].model, found);
  }
  return text;
}

}  // namespace firth::sim
