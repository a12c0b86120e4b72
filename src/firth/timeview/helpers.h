// Threads that help readers of a time view.
#pragma once

#include "firth/common/executor.h"

namespace firth::timeview {

class TimeView;

/// Let `helpers`, which outlives the view, take a share of many windows that a reader wants. It
/// waits for none of them to begin, and not for long to end: without helpers, or while they are
/// busy, it does all of it. The view ends after those who are at work for it. Once, before the view
/// is read, from the thread that opened it.
void SetHelpers(TimeView* view, Executor* helpers);

}  // namespace firth::timeview
