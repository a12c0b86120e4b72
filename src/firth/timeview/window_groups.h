// Windows that follow each other, looked at in groups by several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "firth/common/status.h"
#include "firth/timeview/snapshot_state.h"
#include "firth/timeview/statistics.h"

namespace firth::timeview {

/// Windows of a group: enough for their memory to be waited for together, and few enough for those
/// who share a picture to end at about the same time.
inline constexpr size_t kWindowsOfGroup = 64;
/// Fewer windows than this are not shared out: another thread would have to be woken for little.
inline constexpr size_t kWindowsShared = 4 * kWindowsOfGroup;
/// Windows that are shared out at once at most.
inline constexpr size_t kWindowsTogether = 64 * kWindowsOfGroup;

/// Helpers of one call: as many as there are processors beside that of the caller, and few.
size_t HelpersAtOnce();

/// Summarise windows of `width` from `start` on, as many as there is room in `out`, by this thread
/// with `reader` and by up to `helpers_max` helpers of the snapshot's source (helpers.h), as far as
/// they are idle. It gives how many of the first were summarised: the rest is left after a group
/// most of which is empty. Errors: as SnapshotReader, the first in order of time.
Result<size_t> SummariseTogether(SnapshotReader* reader, int64_t start, uint64_t width,
                                 std::span<Statistics> out, size_t helpers_max = HelpersAtOnce());

}  // namespace firth::timeview
