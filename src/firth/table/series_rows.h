// A collection of series as rows: what readers of tables see. Stored are times and values, and
// beside them which series and revision they belong to; the facts of the series are joined when
// rows are read.
#pragma once

#include <arrow/record_batch.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/schema/row_filter.h"
#include "firth/table/series.h"

namespace firth::table {

/// Is this edition one of series, whose rows are stored as times and values?
bool IsCollection(const catalog::EditionInfo& edition);

/// What a collection's batches hold: time, value.
std::shared_ptr<arrow::Schema> CollectionStoredSchema();
/// What readers see, made of the stored schema with its ids: uuid, name, unit, ingress, distiller,
/// time, value. It is the edition's newest schema; the stored one is its first.
std::shared_ptr<arrow::Schema> CollectionShownSchema(const arrow::Schema& stored);

/// A collection as rows (SeriesStore::OpenRows).
struct CollectionRows {
  std::shared_ptr<arrow::RecordBatchReader> rows;
  /// Text that is another one when the rows would be others.
  std::string state;
};

/// What is known of a series now; null when it is gone.
using FindSeries = std::function<Result<SeriesPtr>(const SeriesId&)>;

/// What is asked of the entry that rows are of.
struct JoinedEntry {
  std::string_view side;
  int64_t commit_time_ns = 0;
  int64_t skip = 0;  // rows of it that stand before the first one here
};

/// Fill in the facts of series in rows of one entry, shown under (columns of) the newest schema.
/// Rows of a series that is gone keep their place and its uuid; their time is that of their commit,
/// and their value is NaN. Error kDataLoss when `side` does not cover the rows.
Result<std::shared_ptr<arrow::RecordBatch>> JoinSeries(const arrow::RecordBatch& rows,
                                                       const JoinedEntry& entry,
                                                       const FindSeries& find);

/// Times of points in [from, to).
struct PointTimes {
  int64_t from = timeview::kTimeMin;
  int64_t to = timeview::kTimeTop;
};
/// The times outside of which no row of a collection meets the filter; nothing: none does at all.
std::optional<PointTimes> TimesOf(const schema::RowFilter& filter);
/// May a point of this series meet the filter, by the facts of the series?
Result<bool> MayMeet(const SeriesInfo& series, const schema::RowFilter& filter);

/// The points of series, each pinned at a revision, as rows of these columns, one series after the
/// other and each by time. Bounded memory. Blocks.
class SeriesRowReader : public arrow::RecordBatchReader {
 public:
  struct Source {
    SeriesPtr series;
    Snapshot snapshot;
  };
  /// `columns` are of the newest schema.
  SeriesRowReader(std::shared_ptr<arrow::Schema> columns, std::vector<Source> sources,
                  PointTimes times = {})
      : schema_(std::move(columns)), sources_(std::move(sources)), times_(times) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override;

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> RowsOf(const SeriesInfo& series,
                                                     const timeview::PointBatch& points) const;

  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<Source> sources_;
  const PointTimes times_;
  size_t next_ = 0;
  std::unique_ptr<timeview::PointCursor> cursor_;  // of the source before `next_`
};

/// The series of a collection as they stood at one commit, pinned.
struct CollectionCut {
  std::vector<SeriesRowReader::Source> sources;  // by id
  std::string state;                             // CollectionRows::state
};

}  // namespace firth::table
