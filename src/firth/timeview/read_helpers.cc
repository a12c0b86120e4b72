#include "firth/timeview/read_helpers.h"

#include <utility>

namespace firth::timeview {

void ReadHelpers::Post(std::function<void()> work) {
  threads_->Post([self = shared_from_this(), work = std::move(work)]() mutable {
    {
      std::lock_guard lock(self->mutex_);
      if (self->closed_) return;
      ++self->working_;
    }
    work();
    // What it holds may be the last that leads to files.
    work = nullptr;
    std::lock_guard lock(self->mutex_);
    if (--self->working_ == 0) self->at_rest_.notify_all();
  });
}

void ReadHelpers::Close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  at_rest_.wait(lock, [this] { return working_ == 0; });
}

}  // namespace firth::timeview
