// The actions on series.
#pragma once

#include <vector>

#include "firth/doors/flight/actions.h"

namespace firth::doors::flight {

std::vector<Action> SeriesActions();

}  // namespace firth::doors::flight
