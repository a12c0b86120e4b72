#include "firth/doors/btrdb/join.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace firth::doors::btrdb {
namespace {

/// Points of all streams that are read ahead, together; each has at least a few.
constexpr size_t kAheadPoints = 200'000;
constexpr size_t kAheadLeast = 16;

/// The points of one stream, one by one.
class Stream {
 public:
  Stream(std::unique_ptr<timeview::PointCursor> points, size_t ahead)
      : points_(std::move(points)), ahead_(ahead) {}

  Result<std::optional<timeview::Point>> Next() {
    if (at_ == batch_.size()) {
      if (ended_) return std::nullopt;
      ARROW_RETURN_NOT_OK(points_->Next(ahead_, &batch_));
      at_ = 0;
      if (batch_.size() == 0) {
        ended_ = true;
        return std::nullopt;
      }
    }
    const timeview::Point point{batch_.times[at_], batch_.values[at_]};
    ++at_;
    return point;
  }

 private:
  std::unique_ptr<timeview::PointCursor> points_;
  size_t ahead_;
  timeview::PointBatch batch_;
  size_t at_ = 0;
  bool ended_ = false;
};

/// Which times a stream is seen at.
class Grid {
 public:
  Grid(int64_t start, int64_t end, int64_t period) : start_(start), end_(end), period_(period) {}

  bool snaps() const { return period_ > 0; }
  /// The time of the grid whose cell holds `time`; none at or after the end.
  std::optional<int64_t> CellOf(int64_t time) const {
    const Wide k = (2 * (Wide{time} - start_) + period_) / (2 * Wide{period_});
    const Wide at = start_ + k * period_;
    if (at >= end_) return std::nullopt;
    return static_cast<int64_t>(at);
  }

 private:
  using Wide = __int128;
  const int64_t start_;
  const int64_t end_;
  const int64_t period_;
};

/// A stream on the grid, with its next point at hand.
class Lane {
 public:
  Lane(Stream stream, const Grid* grid) : stream_(std::move(stream)), grid_(grid) {}

  Status Advance() {
    if (!grid_->snaps()) {
      ARROW_ASSIGN_OR_RAISE(head_, stream_.Next());
      return Status::OK();
    }
    if (!begun_) {
      ARROW_ASSIGN_OR_RAISE(ahead_, stream_.Next());
      begun_ = true;
    }
    head_.reset();
    if (!ahead_.has_value()) return Status::OK();
    const auto cell = grid_->CellOf(ahead_->time);
    if (!cell.has_value()) return Status::OK();
    timeview::Point best = *ahead_;
    while (true) {
      ARROW_ASSIGN_OR_RAISE(ahead_, stream_.Next());
      if (!ahead_.has_value() || grid_->CellOf(ahead_->time) != cell) break;
      if (ahead_->time == best.time || Off(*ahead_, *cell) < Off(best, *cell)) best = *ahead_;
    }
    head_ = timeview::Point{*cell, best.value};
    return Status::OK();
  }

  const std::optional<timeview::Point>& head() const { return head_; }

 private:
  static uint64_t Off(const timeview::Point& point, int64_t cell) {
    return static_cast<uint64_t>(std::max(point.time, cell)) -
           static_cast<uint64_t>(std::min(point.time, cell));
  }

  Stream stream_;
  const Grid* grid_;
  bool begun_ = false;
  std::optional<timeview::Point> ahead_;
  std::optional<timeview::Point> head_;
};

class Join : public JoinCursor {
 public:
  explicit Join(Grid grid) : grid_(grid) {}

  Status Begin(const std::vector<timeview::Snapshot>& streams, int64_t from, int64_t end) {
    const size_t ahead = std::max(kAheadLeast, kAheadPoints / streams.size());
    for (const auto& stream : streams) {
      ARROW_ASSIGN_OR_RAISE(auto points, stream.Points(from, end));
      lanes_.emplace_back(Stream(std::move(points), ahead), &grid_);
      ARROW_RETURN_NOT_OK(lanes_.back().Advance());
    }
    return Status::OK();
  }

  Status Next(size_t rows_max, JoinedBatch* batch) override {
    batch->times.clear();
    batch->columns.resize(lanes_.size());
    for (auto& column : batch->columns) column.clear();
    while (batch->times.size() < rows_max) {
      std::optional<int64_t> time;
      for (const auto& lane : lanes_) {
        if (lane.head().has_value() && (!time || lane.head()->time < *time)) {
          time = lane.head()->time;
        }
      }
      if (!time.has_value()) return Status::OK();
      batch->times.push_back(*time);
      for (size_t i = 0; i < lanes_.size(); ++i) {
        auto& lane = lanes_[i];
        if (!lane.head().has_value() || lane.head()->time != *time) {
          batch->columns[i].push_back(std::numeric_limits<double>::quiet_NaN());
          continue;
        }
        batch->columns[i].push_back(lane.head()->value);
        ARROW_RETURN_NOT_OK(lane.Advance());
      }
    }
    return Status::OK();
  }

 private:
  const Grid grid_;
  std::vector<Lane> lanes_;
};

}  // namespace

Result<std::unique_ptr<JoinCursor>> JoinCursor::Open(const std::vector<timeview::Snapshot>& streams,
                                                     int64_t start, int64_t end,
                                                     int64_t snap_period) {
  const int64_t half = snap_period / 2;
  const int64_t from = start - timeview::kTimeMin < half ? timeview::kTimeMin : start - half;
  auto join = std::make_unique<Join>(Grid(start, end, snap_period));
  ARROW_RETURN_NOT_OK(join->Begin(streams, from, end));
  return join;
}

}  // namespace firth::doors::btrdb
