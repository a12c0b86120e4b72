#include "firth/keyview/rocks_priority.h"

#include <sys/resource.h>
#include <unistd.h>

namespace firth::keyview {
namespace {

/// A third of what a thread of the usual priority gets beside it: enough that nobody waits long for
/// a mutex that such a thread has.
constexpr int kNice = 5;

class PriorityListener final : public rocksdb::EventListener {
 public:
  const char* Name() const override { return "firth-priority"; }
  void OnCompactionBegin(rocksdb::DB* /*db*/, const rocksdb::CompactionJobInfo& /*job*/) override {
    LowerThreadPriority();
  }
};

}  // namespace

void LowerThreadPriority() {
  thread_local const int result = setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  static_cast<void>(result);  // where it is not allowed, everything is as fast as anything
}

std::shared_ptr<rocksdb::EventListener> MakePriorityListener() {
  return std::make_shared<PriorityListener>();
}

}  // namespace firth::keyview
