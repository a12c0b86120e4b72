#include "firth/doors/beneath/quota.h"

namespace firth::doors::beneath {
namespace {

// What a call counts for at the least.
constexpr access::LeastBytes kLeast{.call = 1024, .scan = 1 << 20};

access::Limits LimitsOf(const Json& record) {
  const auto limit = [&](const char* name) -> std::optional<int64_t> {
    const auto quota = record.find(name);
    if (quota == record.end() || quota->is_null()) return std::nullopt;
    return quota->get<int64_t>();
  };
  return {.read_bytes = limit("read_quota"),
          .write_bytes = limit("write_quota"),
          .scan_bytes = limit("scan_quota")};
}

}  // namespace

Result<access::Payers> PayersOf(Control* control, access::Metering* metering,
                                const Requester& who) {
  access::Payers payers(metering, kLeast);
  ARROW_ASSIGN_OR_RAISE(const Json account, control->AccountOf(who));
  if (account.is_null()) return payers;
  payers.Add({.meter = MeterOfPrincipal(who.principal()),
              .since_ns = account["created"],
              .limits = LimitsOf(account)});
  ARROW_ASSIGN_OR_RAISE(const Numbered billing, control->BillingOf(who, account));
  payers.Add({.meter = MeterOfOrganization(billing.number),
              .since_ns = billing.record["created"],
              .limits = LimitsOf(billing.record)});
  return payers;
}

std::string MeterOfTable(TableId table) {
  return "table/" + std::to_string(table.value);
}
std::string MeterOfInstance(EditionId edition) {
  return "edition/" + std::to_string(edition.value);
}

}  // namespace firth::doors::beneath
