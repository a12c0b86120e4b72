// Two sorted runs of points made one.
#pragma once

#include "firth/timeview/node.h"
#include "firth/timeview/point_room.h"

namespace firth::timeview {

/// Write the points of two sorted runs in order of time to `out`, where there is room for all of
/// them; those of `second` come behind those of `first` of equal time. Tells whether a time is in
/// both. `out` overlaps neither.
bool MergePoints(PointSpan first, PointSpan second, const PointRoom::End& out);

}  // namespace firth::timeview
