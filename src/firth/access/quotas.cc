#include "firth/access/quotas.h"

#include <algorithm>

namespace firth::access {
namespace {

struct Measure {
  const char* verb;
  std::optional<int64_t> Limits::* limit;
  int64_t Use::* ops;
  int64_t Use::* bytes;
  int64_t Use::* records;  // null: there are none
};

const Measure& MeasureOf(Using what) {
  static const Measure kRead{"read", &Limits::read_bytes, &Use::read_ops, &Use::read_bytes,
                             &Use::read_records};
  static const Measure kWrite{"write", &Limits::write_bytes, &Use::write_ops, &Use::write_bytes,
                              &Use::write_records};
  static const Measure kScan{"scan", &Limits::scan_bytes, &Use::scan_ops, &Use::scan_bytes,
                             nullptr};
  return what == Using::kRead ? kRead : what == Using::kWrite ? kWrite : kScan;
}

Use UseOf(const Measure& measure, int64_t bytes, int64_t records) {
  Use use;
  use.*measure.ops = 1;
  use.*measure.bytes = bytes;
  if (measure.records != nullptr) use.*measure.records = records;
  return use;
}

}  // namespace

Status Payers::Check(Using what, int64_t estimate) const {
  const Measure& measure = MeasureOf(what);
  for (const Account& account : accounts_) {
    const std::optional<int64_t> limit = account.limits.*measure.limit;
    if (!limit.has_value()) continue;
    ARROW_ASSIGN_OR_RAISE(const Use use, metering_->InPeriod(account.meter, account.since_ns));
    const int64_t used = use.*measure.bytes;
    if (used >= *limit || estimate > *limit - used) {
      return Error(Code::kResourceExhausted, Reason::kOverBudget,
                   "the " + std::string(measure.verb) + " quota of " + std::to_string(*limit) +
                       " bytes is used up: " + std::to_string(used) + " bytes in this period");
    }
  }
  return Status::OK();
}

Status Payers::Count(Using what, int64_t bytes, int64_t records,
                     const std::vector<std::string>& things) const {
  const Measure& measure = MeasureOf(what);
  const int64_t least = what == Using::kScan ? least_.scan : least_.call;
  for (const Account& account : accounts_) {
    ARROW_RETURN_NOT_OK(metering_->Add(account.meter, account.since_ns,
                                       UseOf(measure, std::max(bytes, least), records)));
  }
  for (const auto& thing : things) {
    ARROW_RETURN_NOT_OK(metering_->Add(thing, 0, UseOf(measure, bytes, records)));
  }
  return Status::OK();
}

}  // namespace firth::access
