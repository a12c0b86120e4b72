#include "firth/doors/beneath/quota.h"

#include <algorithm>

#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

// What a call counts for at the least.
constexpr int64_t kCallBytesMin = 1024;
constexpr int64_t kScanBytesMin = 1 << 20;

access::Use UseOf(Using what, int64_t bytes, int64_t records) {
  access::Use use;
  switch (what) {
    case Using::kRead:
      use.read_ops = 1, use.read_bytes = bytes, use.read_records = records;
      break;
    case Using::kWrite:
      use.write_ops = 1, use.write_bytes = bytes, use.write_records = records;
      break;
    case Using::kScan:
      use.scan_ops = 1, use.scan_bytes = bytes;
      break;
  }
  return use;
}

}  // namespace

Result<Payer> Payer::Of(Control* control, access::Metering* metering, const Requester& who) {
  Payer payer;
  payer.metering_ = metering;
  ARROW_ASSIGN_OR_RAISE(const Json account, control->AccountOf(who));
  if (account.is_null()) return payer;
  payer.accounts_.push_back({.meter = MeterOfPrincipal(who.principal()),
                             .since_ns = account["created"],
                             .record = account});
  ARROW_ASSIGN_OR_RAISE(const Numbered billing, control->BillingOf(who, account));
  payer.accounts_.push_back({.meter = MeterOfOrganization(billing.number),
                             .since_ns = billing.record["created"],
                             .record = billing.record});
  return payer;
}

Status Payer::Check(Using what, int64_t estimate) const {
  for (const Account& account : accounts_) {
    const char* name = what == Using::kRead    ? "read_quota"
                       : what == Using::kWrite ? "write_quota"
                                               : "scan_quota";
    const auto quota = account.record.find(name);
    if (quota == account.record.end() || quota->is_null()) continue;
    ARROW_ASSIGN_OR_RAISE(const access::Use use,
                          metering_->InPeriod(account.meter, account.since_ns));
    const int64_t used = what == Using::kRead    ? use.read_bytes
                         : what == Using::kWrite ? use.write_bytes
                                                 : use.scan_bytes;
    const int64_t limit = *quota;
    if (used >= limit || estimate > limit - used) {
      const std::string verb = what == Using::kRead    ? "read"
                               : what == Using::kWrite ? "write"
                                                       : "scan";
      return Exceeded("the " + verb + " quota of " + std::to_string(limit) +
                      " bytes is used up: " + std::to_string(used) + " bytes in this period");
    }
  }
  return Status::OK();
}

Status Payer::Count(Using what, int64_t bytes, int64_t records,
                    const std::vector<std::string>& things) const {
  const int64_t least = what == Using::kScan ? kScanBytesMin : kCallBytesMin;
  for (const Account& account : accounts_) {
    ARROW_RETURN_NOT_OK(metering_->Add(account.meter, account.since_ns,
                                       UseOf(what, std::max(bytes, least), records)));
  }
  for (const auto& thing : things) {
    ARROW_RETURN_NOT_OK(metering_->Add(thing, 0, UseOf(what, bytes, records)));
  }
  return Status::OK();
}

std::string MeterOfTable(TableId table) {
  return "table/" + std::to_string(table.value);
}
std::string MeterOfInstance(EditionId edition) {
  return "edition/" + std::to_string(edition.value);
}

}  // namespace firth::doors::beneath
