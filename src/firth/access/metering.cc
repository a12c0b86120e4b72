#include "firth/access/metering.h"

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <sstream>

namespace firth::access {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kHourNs = 3600 * kSecondNs;
// Counts held in memory; beyond it, written ones are let go.
constexpr size_t kCountsMax = 10'000;

std::string KeyOf(const std::string& name, Span span, int64_t begin_ns) {
  const char letter = span == Span::kHour ? 'h' : span == Span::kMonth ? 'm' : 'p';
  std::array<char, 32> time{};
  // Shifted, so that times before the epoch sort before those after it.
  std::snprintf(time.data(), time.size(), "%016" PRIx64,
                static_cast<uint64_t>(begin_ns) ^ (uint64_t{1} << 63));
  return "meter/" + name + "/" + letter + "/" + time.data();
}

std::string Text(const Use& use) {
  std::ostringstream out;
  out << use.read_ops << ' ' << use.read_bytes << ' ' << use.read_records << ' ' << use.write_ops
      << ' ' << use.write_bytes << ' ' << use.write_records << ' ' << use.scan_ops << ' '
      << use.scan_bytes;
  return out.str();
}

Result<Use> ParseUse(const std::string& text) {
  std::istringstream in(text);
  Use use;
  in >> use.read_ops >> use.read_bytes >> use.read_records >> use.write_ops >> use.write_bytes >>
      use.write_records >> use.scan_ops >> use.scan_bytes;
  if (!in.fail()) return use;
  return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a count of the catalog is damaged");
}

int64_t PeriodOf(int64_t since_ns, int64_t now_ns) {
  const int64_t passed = now_ns > since_ns ? now_ns - since_ns : 0;
  return since_ns + passed / kPeriodNs * kPeriodNs;
}

}  // namespace

struct Metering::Alive {
  std::mutex mutex;
  Metering* meter = nullptr;  // guarded by mutex; null once it is gone
};

Use& Use::operator+=(const Use& other) {
  read_ops += other.read_ops;
  read_bytes += other.read_bytes;
  read_records += other.read_records;
  write_ops += other.write_ops;
  write_bytes += other.write_bytes;
  write_records += other.write_records;
  scan_ops += other.scan_ops;
  scan_bytes += other.scan_bytes;
  return *this;
}

Metering::Metering(catalog::Catalog* catalog, const Clock* clock, Executor* executor)
    : catalog_(catalog), clock_(clock), executor_(executor), alive_(std::make_shared<Alive>()) {
  alive_->meter = this;
}

Metering::~Metering() {
  {
    std::lock_guard lock(alive_->mutex);
    alive_->meter = nullptr;
  }
  // A count that cannot be kept any more is not worth an error at the end.
  static_cast<void>(Flush().ok());
}

int64_t Metering::BeginOf(Span span, int64_t time_ns) {
  namespace chrono = std::chrono;
  const int64_t hours = time_ns / kHourNs - (time_ns % kHourNs < 0 ? 1 : 0);
  if (span == Span::kHour) return hours * kHourNs;
  const chrono::sys_days day =
      chrono::floor<chrono::days>(chrono::sys_time<chrono::hours>(chrono::hours(hours)));
  const chrono::year_month_day date(day);
  const chrono::sys_days first(date.year() / date.month() / chrono::day(1));
  return chrono::duration_cast<chrono::nanoseconds>(first.time_since_epoch()).count();
}

Result<Use*> Metering::Load(const std::string& key) {
  const auto found = counts_.find(key);
  if (found != counts_.end()) return &found->second;
  ARROW_ASSIGN_OR_RAISE(const auto text, catalog_->GetValue(key));
  Use use;
  if (text.has_value()) {
    ARROW_ASSIGN_OR_RAISE(use, ParseUse(*text));
  }
  return &(counts_[key] = use);
}

Status Metering::Add(const std::string& name, int64_t since_ns, const Use& use) {
  const int64_t now = clock_->NowNs();
  std::lock_guard lock(mutex_);
  for (const auto& [span, begin] : {std::pair(Span::kHour, BeginOf(Span::kHour, now)),
                                    std::pair(Span::kMonth, BeginOf(Span::kMonth, now)),
                                    std::pair(Span::kPeriod, PeriodOf(since_ns, now))}) {
    const std::string key = KeyOf(name, span, begin);
    ARROW_ASSIGN_OR_RAISE(Use* const count, Load(key));
    *count += use;
    changed_.insert(key);
  }
  Schedule();
  return Status::OK();
}

void Metering::Schedule() {
  if (scheduled_ || executor_ == nullptr) return;
  scheduled_ = true;
  executor_->PostAt(clock_->MonotonicNs() + kSecondNs, [alive = alive_] {
    std::lock_guard lock(alive->mutex);
    // What fails is tried again with the next count.
    if (alive->meter != nullptr) static_cast<void>(alive->meter->Flush().ok());
  });
}

Result<Use> Metering::InPeriod(const std::string& name, int64_t since_ns) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const Use* const count,
                        Load(KeyOf(name, Span::kPeriod, PeriodOf(since_ns, clock_->NowNs()))));
  return *count;
}

Result<std::vector<std::pair<int64_t, Use>>> Metering::List(const std::string& name, Span span,
                                                            int64_t from_ns, int64_t until_ns) {
  ARROW_RETURN_NOT_OK(Flush());
  const std::string from = KeyOf(name, span, from_ns);
  ARROW_ASSIGN_OR_RAISE(const auto rows,
                        catalog_->ScanValues(from, KeyOf(name, span, until_ns), INT64_C(100'000)));
  std::vector<std::pair<int64_t, Use>> out;
  for (const auto& [key, text] : rows) {
    const uint64_t shifted = std::stoull(key.substr(key.rfind('/') + 1), nullptr, 16);
    ARROW_ASSIGN_OR_RAISE(const Use use, ParseUse(text));
    out.emplace_back(static_cast<int64_t>(shifted ^ (uint64_t{1} << 63)), use);
  }
  return out;
}

Status Metering::Flush() {
  std::lock_guard flushing(flush_mutex_);
  std::vector<catalog::ValueChange> changes;
  std::set<std::string> taken;
  {
    std::lock_guard lock(mutex_);
    scheduled_ = false;
    taken = std::move(changed_);
    changed_.clear();
    for (const auto& key : taken) changes.push_back({.name = key, .value = Text(counts_.at(key))});
  }
  if (changes.empty()) return Status::OK();
  const Status kept = catalog_->ChangeValues(changes);
  std::lock_guard lock(mutex_);
  if (!kept.ok()) changed_.merge(taken);
  if (counts_.size() > kCountsMax) {
    std::erase_if(counts_, [this](const auto& count) { return !changed_.contains(count.first); });
  }
  return kept;
}

}  // namespace firth::access
