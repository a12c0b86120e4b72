// The generated messages, under a short name. For .cc files only.
#pragma once

#include "fluss_api.pb.h"

namespace firth::doors::fluss {

namespace pb = ::firth::fluss;

}  // namespace firth::doors::fluss
