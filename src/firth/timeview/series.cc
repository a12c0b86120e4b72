#include "firth/timeview/series.h"

#include <cmath>

namespace firth::timeview {

Status CheckRange(int64_t start, int64_t end) {
  if (kTimeMin <= start && start < end && end <= kTimeTop) return Status::OK();
  return Error(Code::kInvalidArgument, Reason::kTimeOutOfRange,
               "the range [" + std::to_string(start) + ", " + std::to_string(end) +
                   ") is not a part of the time line [" + std::to_string(kTimeMin) + ", " +
                   std::to_string(kTimeTop) + ") that begins before it ends");
}

namespace {

Status CheckColumns(std::span<const int64_t> times, std::span<const double> values,
                    bool may_be_none, NumberRange* wanted = nullptr) {
  if (times.size() != values.size()) {
    return Error(
        Code::kInvalidArgument, Reason::kNone,
        std::to_string(times.size()) + " times for " + std::to_string(values.size()) + " values");
  }
  // Nearly always nothing is wrong: only then it is looked at what.
  const NumberRange range = RangeOf(times);
  if (wanted != nullptr) *wanted = range;
  if ((times.empty() || (range.least >= kTimeMin && range.greatest <= kTimeLast)) &&
      AreFinite(values)) {
    return Status::OK();
  }
  for (const int64_t time : times) {
    if (time < kTimeMin || time > kTimeLast) {
      return Error(Code::kInvalidArgument, Reason::kTimeOutOfRange,
                   "the time " + std::to_string(time) + " is not one of " +
                       std::to_string(kTimeMin) + " to " + std::to_string(kTimeLast));
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]) && !(may_be_none && std::isnan(values[i]))) {
      return Error(Code::kInvalidArgument, Reason::kBadValue,
                   "the value at " + std::to_string(times[i]) + " is not a finite number");
    }
  }
  return Status::OK();
}

}  // namespace

Status CheckPoints(std::span<const int64_t> times, std::span<const double> values,
                   NumberRange* range) {
  return CheckColumns(times, values, /*may_be_none=*/false, range);
}

Status CheckEdit(const Edit& edit) {
  if (edit.kind == Edit::Kind::kRemove) return CheckRange(edit.start, edit.end);
  return CheckColumns(edit.times, edit.values, edit.replace);
}

}  // namespace firth::timeview
