// Who pays: counts of what was read, written and scanned, and whether there may be more.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firth/doors/beneath/control.h"

namespace firth::doors::beneath {

enum class Using { kRead, kWrite, kScan };

/// The accounts that one call counts for. Empty for a caller without an account.
class Payer {
 public:
  static Result<Payer> Of(Control* control, access::Metering* metering, const Requester& who);

  /// Refuse when a quota is used up; a scan also when `estimate` bytes would go beyond it. Error
  /// kOverBudget says "quota".
  Status Check(Using what, int64_t estimate = 0) const;
  /// Count for the payer and for each of `things` (tables, instances).
  Status Count(Using what, int64_t bytes, int64_t records,
               const std::vector<std::string>& things) const;

 private:
  struct Account {
    std::string meter;
    int64_t since_ns = 0;
    Json record;
  };
  access::Metering* metering_ = nullptr;
  std::vector<Account> accounts_;
};

std::string MeterOfTable(TableId table);
std::string MeterOfInstance(EditionId edition);

}  // namespace firth::doors::beneath
