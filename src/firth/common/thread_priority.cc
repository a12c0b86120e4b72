#include "firth/common/thread_priority.h"

#include <sys/resource.h>
#include <unistd.h>

namespace firth {
namespace {

/// A third of what a thread of the usual priority gets beside it: enough that nobody waits long for
/// a mutex that such a thread has.
constexpr int kNicer = 5;

int Lower() {
  const auto thread = static_cast<id_t>(gettid());
  // Beside the others of its process, which may itself have been started as a nice one.
  return setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kNicer);
}

}  // namespace

void LowerThreadPriority() {
  thread_local const int result = Lower();
  static_cast<void>(result);  // where it is not allowed, everything is as fast as anything
}

}  // namespace firth
