// Series of points, as a Database has them: a collection is a table whose rows are (time, value);
// each of its series has an id, tags and annotations of its own, and every insert or delete is one
// revision.
#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "firth/access/access.h"
#include "firth/common/path.h"
#include "firth/common/status.h"
#include "firth/timeview/series.h"
#include "firth/timeview/snapshot.h"

namespace firth::table {

using timeview::MergePolicy;
using timeview::SeriesId;
using timeview::Snapshot;

/// What is known of a series besides its points. Immutable.
struct SeriesInfo {
  SeriesId id;
  Path collection;
  std::map<std::string, std::string> tags;  // together with the collection unique among the living
  std::map<std::string, std::optional<std::string>> annotations;
  uint64_t property_version = 1;  // one more with each change of tags, collection or annotations
};
using SeriesPtr = std::shared_ptr<const SeriesInfo>;

/// Changes of a series' facts; what is absent stays. Removals come before upserts.
struct SeriesChange {
  /// The property version that it must have now; 0: any.
  uint64_t expected_version = 0;
  std::optional<Path> collection;
  std::map<std::string, std::string> tags;  // replaces those named here
  std::vector<std::string> annotation_removals;
  std::map<std::string, std::optional<std::string>> annotations;
};

/// Which series: those of one collection, or of all whose path, as text, begins with some text.
struct SeriesQuery {
  std::optional<Path> collection;
  std::string collection_prefix;
};

struct CollectionRows;  // series_rows.h

/// Where points lie that came as an encapsulated Arrow record batch message, times and values, in
/// memory that nobody else has: the log takes them from there as they are, and writes over the
/// kRoomBefore bytes in front of the message.
struct PointMessage {
  static constexpr int64_t kRoomBefore = 48;
  std::shared_ptr<arrow::Buffer> memory;  // none: they came otherwise
  int64_t begin = 0;
  int64_t end = 0;
};

/// Series of a Database. Thread-safe. Changes are durable on return, and every later read sees
/// them.
class SeriesStore {
 public:
  virtual ~SeriesStore() = default;

  /// Make a series, and its collection if it is not there. Blocks. Errors: kSeriesExists,
  /// kSeriesBurnt (the id was used before), kTagsTaken, kTableExists (the path holds a table of
  /// another shape).
  virtual Status Create(const access::Caller& caller, const SeriesInfo& series) = 0;
  /// Error kSeriesNotFound.
  virtual Result<SeriesPtr> Get(const access::Caller& caller, const SeriesId& id) = 0;
  /// By collection, tags, id.
  virtual Result<std::vector<SeriesPtr>> Find(const access::Caller& caller,
                                              const SeriesQuery& query) = 0;
  /// Blocks. Errors: kSeriesNotFound, kVersionMismatch, kTagsTaken.
  virtual Status Alter(const access::Caller& caller, const SeriesId& id,
                       const SeriesChange& change) = 0;
  /// Remove a series with its points and revisions; its id is never used again. Blocks.
  virtual Status Obliterate(const access::Caller& caller, const SeriesId& id) = 0;

  /// Insert points as one revision, deciding by `policy` against what is there. Returns the
  /// revision that the series has then; no points leave it. Blocks. Errors: kSeriesNotFound,
  /// kTimeOutOfRange, kBadValue, kDiskFull, kOverBudget.
  Result<int64_t> Insert(const access::Caller& caller, const SeriesId& id,
                         std::span<const int64_t> times, std::span<const double> values,
                         MergePolicy policy) {
    return Insert(caller, id, times, values, policy, PointMessage());
  }
  /// The same with points that may lie in a message.
  virtual Result<int64_t> Insert(const access::Caller& caller, const SeriesId& id,
                                 std::span<const int64_t> times, std::span<const double> values,
                                 MergePolicy policy, const PointMessage& message) = 0;
  /// Remove the points with start <= time < end, as one revision. Blocks.
  virtual Result<int64_t> Delete(const access::Caller& caller, const SeriesId& id, int64_t start,
                                 int64_t end) = 0;
  /// The revision of the last insert or delete; 10 for a series without any.
  virtual Result<int64_t> LatestRevision(const access::Caller& caller, const SeriesId& id) = 0;
  /// A revision (0: the last) to read from. Errors: kSeriesNotFound, kVersionNotFound.
  virtual Result<Snapshot> Pin(const access::Caller& caller, const SeriesId& id,
                               int64_t revision) = 0;
  /// Ranges of time that differ between two revisions (timeview/time_view.h, Changes).
  virtual Result<std::unique_ptr<timeview::RangeCursor>> Changes(const access::Caller& caller,
                                                                 const SeriesId& id, int64_t from,
                                                                 int64_t to, int resolution) = 0;

  /// The points of a collection's series as they are now, as rows of these columns of its newest
  /// schema: by the series' uuid, then by time. The rows must not outlive the database. Memory: a
  /// pin a series. Blocks. Right: read. Errors: kColumnNotFound; kInvalidArgument for a table of
  /// another shape.
  virtual Result<CollectionRows> OpenRows(const access::Caller& caller, const Path& collection,
                                          const std::vector<std::string>& columns) = 0;
};

}  // namespace firth::table
