#include "firth/table/column_points.h"

#include <arrow/array.h>
#include <arrow/compute/cast.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>

#include "firth/common/bytes.h"

namespace firth::table {
namespace {

bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

struct HeldPoint {
  double value = 0;
  bool came = false;
};

/// The points of a series at one time, in their order.
Result<std::vector<HeldPoint>> PointsAt(const timeview::Snapshot& now, int64_t time) {
  std::vector<HeldPoint> held;
  ARROW_ASSIGN_OR_RAISE(const auto cursor, now.Points(time, time + 1));
  timeview::PointBatch batch;
  do {
    ARROW_RETURN_NOT_OK(cursor->Next(1024, &batch));
    for (const double value : batch.values) held.push_back({.value = value});
  } while (batch.size() > 0);
  return held;
}

}  // namespace

Result<std::vector<std::optional<int64_t>>> TimesOfPoints(const arrow::Array& column) {
  int64_t unit_ns = 1;
  if (column.type_id() == arrow::Type::TIMESTAMP) {
    static constexpr int64_t kNs[] = {1'000'000'000, 1'000'000, 1'000, 1};
    unit_ns =
        kNs[static_cast<int>(static_cast<const arrow::TimestampType&>(*column.type()).unit())];
  }
  const auto* values = column.data()->GetValues<int64_t>(1);
  std::vector<std::optional<int64_t>> times(static_cast<size_t>(column.length()));
  for (int64_t i = 0; i < column.length(); ++i) {
    int64_t ns = 0;
    if (column.IsNull(i) || __builtin_mul_overflow(values[i], unit_ns, &ns)) continue;
    times[static_cast<size_t>(i)] = ns;
  }
  return times;
}

bool IsPointTime(int64_t time) {
  return time >= timeview::kTimeMin && time <= timeview::kTimeLast;
}

void SeriesKeys::Encode(std::string_view value, std::string* encoded) {
  AppendBe<uint32_t>(encoded, static_cast<uint32_t>(value.size()));
  encoded->append(value);
}

Result<SeriesKey> SeriesKeys::Decode(std::string_view encoded) {
  SeriesKey key;
  while (!encoded.empty()) {
    if (encoded.size() < 4) break;
    const auto size = LoadBe<uint32_t>(encoded.data());
    encoded.remove_prefix(4);
    if (size > encoded.size()) break;
    key.emplace_back(encoded.substr(0, size));
    encoded.remove_prefix(size);
    if (encoded.empty()) return key;
  }
  if (key.empty() && encoded.empty()) return key;
  return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a series' key is cut off");
}

Result<uint32_t> SeriesKeys::NumberOf(std::string_view encoded) {
  const auto found = numbers_.find(std::string(encoded));
  if (found != numbers_.end()) return found->second;
  if (keys_.size() >= kKeysMax) {
    return Error(Code::kResourceExhausted, Reason::kOverBudget,
                 "the columns that tell its series apart have more than " +
                     std::to_string(kKeysMax) + " different values");
  }
  const auto number = static_cast<uint32_t>(keys_.size());
  std::lock_guard lock(mutex_);
  keys_.emplace_back(encoded);
  numbers_.emplace(encoded, number);
  return number;
}

std::vector<std::string> SeriesKeys::Copy() const {
  std::lock_guard lock(mutex_);
  return keys_;
}

void PointChanges::Come(int64_t time, double value) {
  times.push_back(time);
  values.push_back(value);
  if (!gone.empty()) gone.push_back(0);
}

void PointChanges::Go(int64_t time, double value) {
  gone.resize(times.size(), 0);
  times.push_back(time);
  values.push_back(value);
  gone.push_back(1);
}

ColumnPoints::ColumnPoints(const EditionInfo& edition, std::vector<std::string> columns)
    : spec_(edition.spec), columns_(std::move(columns)), scanned_(columns_) {
  const auto add = [this](const std::string& name) {
    if (std::find(scanned_.begin(), scanned_.end(), name) == scanned_.end()) {
      scanned_.push_back(name);
    }
  };
  if (!spec_.time_column.empty()) add(spec_.time_column);
  for (const std::string& name : spec_.series_by) add(name);
}

bool ColumnPoints::MayHold(const PlaceRange& range) const {
  for (uint32_t c = 0; c < columns_.size(); ++c) {
    const bool one_series = spec_.series_by.empty();
    if (one_series ? range.Holds(SeriesPlace{.column = c}) : range.Holds(c)) return true;
  }
  return false;
}

std::vector<std::string> ColumnPoints::ScannedFor(const PlaceRange& range) const {
  std::vector<std::string> names;
  for (uint32_t c = 0; c < scanned_.size(); ++c) {
    const std::string& name = scanned_[c];
    const auto& keys = spec_.series_by;
    const bool tells =
        name == spec_.time_column || std::find(keys.begin(), keys.end(), name) != keys.end();
    // Behind the values are those that tell times and series only.
    if (tells || c >= columns_.size() || range.Holds(c)) names.push_back(name);
  }
  return names;
}

Status ColumnPoints::Add(const ScannedBatch& batch, SeriesKeys* keys, GatheredPoints* gathered,
                         const PlaceRange& range) const {
  const arrow::RecordBatch& rows = *batch.rows;
  const auto count = static_cast<size_t>(rows.num_rows());
  std::vector<std::optional<int64_t>> times;
  if (!spec_.time_column.empty()) {
    ARROW_ASSIGN_OR_RAISE(times, TimesOfPoints(*rows.GetColumnByName(spec_.time_column)));
  } else {
    times.assign(count, batch.commit_time_ns);
  }
  // The number of each row's key.
  std::vector<uint32_t> numbers;
  {
    std::vector<std::shared_ptr<arrow::StringArray>> texts;
    for (const std::string& name : spec_.series_by) {
      ARROW_ASSIGN_OR_RAISE(const auto text,
                            arrow::compute::Cast(*rows.GetColumnByName(name), arrow::utf8()));
      texts.push_back(std::static_pointer_cast<arrow::StringArray>(text));
    }
    std::string encoded;
    std::string last;
    for (size_t i = 0; i < count; ++i) {
      encoded.clear();
      const auto row = static_cast<int64_t>(i);
      for (const auto& text : texts) {
        SeriesKeys::Encode(text->IsNull(row) ? std::string_view() : text->GetView(row), &encoded);
      }
      if (i > 0 && encoded == last) {
        numbers.push_back(numbers.back());
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(numbers.emplace_back(), keys->NumberOf(encoded));
      std::swap(last, encoded);
    }
  }
  auto& commit = gathered->commits[batch.commit];
  for (uint32_t c = 0; c < columns_.size(); ++c) {
    if (!range.Holds(c)) continue;
    ARROW_ASSIGN_OR_RAISE(const auto values,
                          arrow::compute::Cast(*rows.GetColumnByName(columns_[c]), arrow::float64(),
                                               arrow::compute::CastOptions::Unsafe()));
    const auto& doubles = static_cast<const arrow::DoubleArray&>(*values);
    PointChanges* changes = nullptr;  // those of `key`, unless the range lacks it
    std::optional<uint32_t> key;
    for (size_t i = 0; i < count; ++i) {
      const auto row = static_cast<int64_t>(i);
      if (!times[i].has_value() || !IsPointTime(*times[i]) || doubles.IsNull(row)) continue;
      const double value = doubles.Value(row);
      if (!std::isfinite(value)) continue;
      if (numbers[i] != key) {
        key = numbers[i];
        const SeriesPlace place{.key = numbers[i], .column = c};
        changes = range.Holds(place) ? &commit[place] : nullptr;
      }
      if (changes == nullptr) continue;
      const log::Change change = batch.changes.empty() ? log::Change::kAppend : batch.changes[i];
      ++gathered->count;
      if (change == log::Change::kUpdateBefore || change == log::Change::kDelete) {
        changes->Go(*times[i], value);
      } else {
        changes->Come(*times[i], value);
      }
    }
  }
  return Status::OK();
}

Result<DecidedPoints> DecideChanges(const timeview::Snapshot& now, const PointChanges& changes) {
  std::vector<size_t> order(changes.times.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return changes.times[a] < changes.times[b]; });
  DecidedPoints decided;
  for (size_t next = 0; next < order.size();) {
    const int64_t time = changes.times[order[next]];
    ARROW_ASSIGN_OR_RAISE(const auto before, PointsAt(now, time));
    std::vector<HeldPoint> held = before;
    for (; next < order.size() && changes.times[order[next]] == time; ++next) {
      const double value = changes.values[order[next]];
      if (changes.gone[order[next]] == 0) {
        held.push_back({.value = value, .came = true});
        continue;
      }
      const auto found = std::find_if(held.begin(), held.end(), [value](const HeldPoint& point) {
        return SameBits(point.value, value);
      });
      if (found != held.end()) held.erase(found);
    }
    const bool same = std::equal(
        before.begin(), before.end(), held.begin(), held.end(),
        [](const HeldPoint& a, const HeldPoint& b) { return SameBits(a.value, b.value); });
    if (same) continue;
    for (const HeldPoint& point : held) {
      decided.times.push_back(time);
      decided.values.push_back(point.value);
      if (!point.came) continue;
      decided.came.times.push_back(time);
      decided.came.values.push_back(point.value);
    }
    if (held.empty()) {
      decided.times.push_back(time);
      decided.values.push_back(NAN);
    }
  }
  return decided;
}

}  // namespace firth::table
