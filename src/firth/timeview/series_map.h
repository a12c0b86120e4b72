// Something small for each of many series, in one table: a look waits for memory once, and nothing
// is taken from the heap or given back for one series.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>

#include "firth/timeview/series.h"

namespace firth::timeview {

/// What is found in it may move with the next change.
template <typename Value>
using SeriesMap = absl::flat_hash_map<SeriesId, Value, std::hash<SeriesId>>;

}  // namespace firth::timeview
