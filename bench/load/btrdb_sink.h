// A server of the BTrDB interface that does nothing: it answers every request at once with what the
// generator expects. What the generator reaches against it is the most that it can measure.
#pragma once

#include <cstdint>

namespace firth::bench {

/// Listen at 127.0.0.1:`port` (0: any; the port is printed) and answer until the process is ended:
/// with `points` points in messages of `batch`, and `windows` windows.
[[noreturn]] void ServeBtrdbSink(int port, int64_t points, int64_t batch, int64_t windows);

}  // namespace firth::bench
