// Threads that help readers of a time view.
#pragma once

#include "firth/common/executor.h"

namespace firth::timeview {

class TimeView;

/// Let `helpers`, which outlives the view, take a share of the nodes that a reader needs at once
/// and that are in no memory. A reader waits for none of them to begin: without helpers, or while
/// they are busy, it does all of it. Before the view is read, from the thread that opened it.
void SetHelpers(TimeView* view, Executor* helpers);

}  // namespace firth::timeview
