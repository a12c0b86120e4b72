// Rows of a table as points of the series that its numeric columns are.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/table/database.h"
#include "firth/timeview/snapshot.h"

namespace firth::table {

/// What tells the series of a column apart: the values, as text, of the edition's `series_by`.
using SeriesKey = std::vector<std::string>;

/// The keys of a table's rows, numbered in the order in which they were first seen. One thread adds
/// to them; others may take a copy.
class SeriesKeys {
 public:
  static constexpr size_t kKeysMax = 1'000'000;

  /// The number of a key, which is taken in if it is new. Error kOverBudget beyond kKeysMax.
  Result<uint32_t> NumberOf(std::string_view encoded);
  std::vector<std::string> Copy() const;
  /// The bytes by which a key is known.
  static void Encode(std::string_view value, std::string* encoded);
  static Result<SeriesKey> Decode(std::string_view encoded);

  // For the thread that adds.
  const std::vector<std::string>& encoded() const { return keys_; }
  size_t size() const { return keys_.size(); }

 private:
  mutable std::mutex mutex_;  // held to add and to copy
  std::vector<std::string> keys_;
  std::unordered_map<std::string, uint32_t> numbers_;
};

/// What one commit does to one series: points that come and, where `gone` is not empty, points that
/// go, in the order of the rows.
struct PointChanges {
  std::vector<int64_t> times;
  std::vector<double> values;
  std::vector<uint8_t> gone;  // 1: this point goes; empty: none does

  void Come(int64_t time, double value);
  void Go(int64_t time, double value);
};

/// A series of a table: the number of its key, and its column's place among those that are read.
struct SeriesPlace {
  uint32_t key = 0;
  uint32_t column = 0;

  bool operator==(const SeriesPlace&) const = default;
  /// By column first.
  auto operator<=>(const SeriesPlace& other) const {
    return std::pair(column, key) <=> std::pair(other.column, other.key);
  }
};

/// Series of a table, [from, to) in the order of their places.
struct PlaceRange {
  uint64_t from = 0;
  uint64_t to = UINT64_MAX;

  static uint64_t PositionOf(const SeriesPlace& place) {
    return uint64_t{place.column} << 32 | place.key;
  }
  bool Holds(const SeriesPlace& place) const {
    return PositionOf(place) >= from && PositionOf(place) < to;
  }
  /// Is any series of that column in it?
  bool Holds(uint32_t column) const {
    return (uint64_t{column} << 32 | UINT32_MAX) >= from && uint64_t{column} << 32 < to;
  }
};

/// Points by commit and series. `count` is of all of them.
struct GatheredPoints {
  std::map<CommitId, std::map<SeriesPlace, PointChanges>> commits;
  uint64_t count = 0;
};

/// Makes points of the rows of an edition. Nulls, NaN, infinities and times off the time line are
/// no points. Of a table with a key the rows are effects that tell what was there before (image
/// full).
class ColumnPoints {
 public:
  ColumnPoints(const EditionInfo& edition, std::vector<std::string> columns);

  /// The columns of the table that are to be scanned.
  const std::vector<std::string>& scanned() const { return scanned_; }
  /// May there be series in a range?
  bool MayHold(const PlaceRange& range) const;
  /// Of those columns, what the series of a range need.
  std::vector<std::string> ScannedFor(const PlaceRange& range) const;
  /// Add the points that a batch of those columns holds of the series of a range.
  Status Add(const ScannedBatch& batch, SeriesKeys* keys, GatheredPoints* gathered,
             const PlaceRange& range = {}) const;

 private:
  const EditionSpec spec_;
  const std::vector<std::string> columns_;
  std::vector<std::string> scanned_;
};

/// The outcome of changes on top of what a series holds: the points of an insert that replaces what
/// is at its times, as timeview::Edit has it.
struct DecidedPoints {
  std::vector<int64_t> times;
  std::vector<double> values;
  timeview::PointBatch came;  // those that were not there before
};
/// Decide changes that take points away. A point that is to go and is not there is passed over.
Result<DecidedPoints> DecideChanges(const timeview::Snapshot& now, const PointChanges& changes);

/// Times of rows in ns; nothing where a row has none, or none that nanoseconds can say.
Result<std::vector<std::optional<int64_t>>> TimesOfPoints(const arrow::Array& column);
/// Can a point stand there?
bool IsPointTime(int64_t time);

}  // namespace firth::table
