// Parquet's own interface throws; ours does not.
#pragma once

#include <utility>

#include "firth/format/thrown.h"

namespace firth::lakeview {

/// Run `action`, which gives a Status or Result, and give what it throws as kDataLoss.
template <typename Do>
auto Catch(Do&& action) -> decltype(action()) {
  return format::Catch<Code::kDataLoss>(std::forward<Do>(action));
}

}  // namespace firth::lakeview
