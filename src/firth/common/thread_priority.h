// Work in the background takes less of the processors than requests do, as long as there are some.
#pragma once

namespace firth {

/// For the rest of the calling thread's life; a second time does nothing.
void LowerThreadPriority();

}  // namespace firth
