// Who pays at this door for what a caller does.
#pragma once

#include <string>

#include "firth/access/quotas.h"
#include "firth/doors/beneath/control.h"

namespace firth::doors::beneath {

using access::Using;

/// The caller's own account and that of the organization that is billed; none for a caller without
/// one.
Result<access::Payers> PayersOf(Control* control, access::Metering* metering, const Requester& who);

std::string MeterOfTable(TableId table);
std::string MeterOfInstance(EditionId edition);

}  // namespace firth::doors::beneath
