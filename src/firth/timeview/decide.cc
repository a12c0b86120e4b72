// Merge policies: which points of a write survive what is there.

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "firth/timeview/snapshot.h"
#include "firth/timeview/snapshot_state.h"

namespace firth::timeview {
namespace {

class Decider {
 public:
  Decider(const Snapshot& state, MergePolicy policy, std::span<const int64_t> times,
          std::span<const double> values)
      : state_(state), reader_(state.state()), policy_(policy), times_(times), values_(values) {}

  Result<Decision> Decide() {
    const int64_t taken_end = state_.state()->points_end();
    std::vector<uint32_t> order(times_.size());
    std::iota(order.begin(), order.end(), 0u);
    if (!std::is_sorted(times_.begin(), times_.end())) {
      std::stable_sort(order.begin(), order.end(),
                       [&](uint32_t a, uint32_t b) { return times_[a] < times_[b]; });
    }
    Decision decision;
    decision.kept.reserve(times_.size());
    for (size_t begin = 0; begin < order.size();) {
      const int64_t time = times_[order[begin]];
      size_t end = begin + 1;
      while (end < order.size() && times_[order[end]] == time) ++end;
      const std::span<const uint32_t> group(order.data() + begin, end - begin);
      begin = end;
      if (policy_ == MergePolicy::kReplace) {
        decision.replace = decision.replace || time < taken_end;
        decision.kept.push_back(group.back());
        continue;
      }
      bool taken = false;
      if (time < taken_end) {
        ARROW_ASSIGN_OR_RAISE(taken, Taken(time));
      }
      if (policy_ == MergePolicy::kRetain) {
        if (!taken) decision.kept.push_back(group.front());
      } else {
        ARROW_RETURN_NOT_OK(KeepUnequal(time, taken, group, &decision.kept));
      }
    }
    std::sort(decision.kept.begin(), decision.kept.end());
    return decision;
  }

 private:
  /// Is there a stored point at `time`? Asked with times ascending.
  Result<bool> Taken(int64_t time) {
    if (!known_ || next_taken_ < time) {
      ARROW_ASSIGN_OR_RAISE(const auto point, reader_.FirstFrom(time));
      next_taken_ = point ? point->time : kTimeTop;
      known_ = true;
    }
    return next_taken_ == time;
  }

  /// Keep those of a group of new points of one time that equal none before them.
  Status KeepUnequal(int64_t time, bool taken, std::span<const uint32_t> group,
                     std::vector<uint32_t>* kept) {
    if (!taken && group.size() == 1) {
      kept->push_back(group.front());
      return Status::OK();
    }
    std::unordered_set<double> seen;  // hashes both zeros alike, as they compare
    if (taken) {
      ARROW_ASSIGN_OR_RAISE(const auto cursor, state_.Points(time, time + 1));
      PointBatch batch;
      do {
        ARROW_RETURN_NOT_OK(cursor->Next(4096, &batch));
        seen.insert(batch.values.begin(), batch.values.end());
      } while (batch.size() > 0);
    }
    for (const uint32_t index : group) {
      if (seen.insert(values_[index]).second) kept->push_back(index);
    }
    return Status::OK();
  }

  const Snapshot& state_;
  SnapshotReader reader_;
  const MergePolicy policy_;
  const std::span<const int64_t> times_;
  const std::span<const double> values_;
  bool known_ = false;
  int64_t next_taken_ = 0;  // the first stored time at or after the last one asked for
};

}  // namespace

Result<Decision> Decide(const Snapshot& state, MergePolicy policy, std::span<const int64_t> times,
                        std::span<const double> values) {
  FIRTH_CHECK(times.size() == values.size() && times.size() <= UINT32_MAX);
  Decision decision;
  if (policy != MergePolicy::kNever) {
    ARROW_ASSIGN_OR_RAISE(decision, Decider(state, policy, times, values).Decide());
  }
  if (policy == MergePolicy::kNever || decision.kept.size() == times.size()) {
    decision.all = true;
    decision.kept.clear();
  }
  return decision;
}

}  // namespace firth::timeview
