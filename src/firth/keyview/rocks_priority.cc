#include "firth/keyview/rocks_priority.h"

#include "firth/common/thread_priority.h"

namespace firth::keyview {
namespace {

class PriorityListener final : public rocksdb::EventListener {
 public:
  const char* Name() const override { return "firth-priority"; }
  void OnCompactionBegin(rocksdb::DB* /*db*/, const rocksdb::CompactionJobInfo& /*job*/) override {
    LowerThreadPriority();
  }
};

}  // namespace

std::shared_ptr<rocksdb::EventListener> MakePriorityListener() {
  return std::make_shared<PriorityListener>();
}

}  // namespace firth::keyview
