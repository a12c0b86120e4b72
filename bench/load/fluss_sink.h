// A server that does nothing: it answers every request at once with what the generator expects.
// What the generator reaches against it is the most that it can measure.
#pragma once

#include <string>

namespace firth::bench {

/// Listen at 127.0.0.1:`port` (0: any; the port is printed) and answer until the process is ended.
[[noreturn]] void ServeSink(int port);

}  // namespace firth::bench
