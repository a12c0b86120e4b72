// The points of one commit of very many rows, a bounded number at a time, such that what it brings
// to one series comes at once: the rows are read as often as that needs, each time for other
// series.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/table/column_points.h"

namespace firth::table {

/// What a series is given of a commit.
struct PassedPoints {
  GatheredPoints points;
  /// They are a part of what the commit brings to one series, which alone is too much; more comes.
  bool is_part = false;
};

/// Gathers in passes. Memory: `values_max` points.
class ColumnPasses {
 public:
  /// The next rows of a scan; none at its end.
  using Rows = std::function<Result<std::optional<ScannedBatch>>()>;
  /// Begin to scan these columns of the commit's rows; the same rows in the same order each time.
  using Open = std::function<Result<Rows>(const std::vector<std::string>& columns)>;
  using Take = std::function<Status(PassedPoints)>;

  ColumnPasses(const ColumnPoints* points, SeriesKeys* keys, uint64_t values_max, Open open)
      : points_(points), keys_(keys), values_max_(values_max), open_(std::move(open)) {}

  /// Give all points to `take`. Errors: those of the calls.
  Status Run(const Take& take);
  int64_t passes() const { return passes_; }

 private:
  Status Pass(PlaceRange range, const Take& take);
  /// Leave series to a later pass, such that at most half of what is allowed stays, unless the
  /// first series alone has more.
  void Cut(GatheredPoints* gathered, PlaceRange* range);
  /// A later pass takes these, if there can be any.
  void Later(PlaceRange range);

  const ColumnPoints* const points_;
  SeriesKeys* const keys_;
  const uint64_t values_max_;
  const Open open_;
  std::vector<PlaceRange> later_;
  int64_t passes_ = 0;
};

}  // namespace firth::table
