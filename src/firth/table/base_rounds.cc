#include "firth/table/base_rounds.h"

#include "firth/common/logging.h"

namespace firth::table {

void BaseRounds::Start() {
  if (options_.interval_ns > 0) Schedule();
}

void BaseRounds::Schedule() {
  std::lock_guard lock(shared_->mutex);
  if (shared_->stopped) return;
  shared_->timer = options_.executor->PostAt(options_.clock->MonotonicNs() + options_.interval_ns,
                                             Round(/*timed=*/true));
}

void BaseRounds::Stop() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
    if (shared_->timer != 0) options_.executor->Cancel(shared_->timer);
  }
  shared_->in_work.Wait();
}

void BaseRounds::Applied(uint64_t bytes) {
  if (bytes_.fetch_add(bytes) + bytes < options_.bytes_max || options_.interval_ns == 0) return;
  if (asked_.exchange(true)) return;
  options_.executor->Post(Round(/*timed=*/false));
}

std::function<void()> BaseRounds::Round(bool timed) {
  return [this, timed, shared = shared_] {
    {
      std::lock_guard lock(shared->mutex);
      if (shared->stopped) return;
      shared->in_work.Begin();
    }
    CutNow();
    if (timed) Schedule();
    shared->in_work.End();
  };
}

void BaseRounds::CutNow() {
  const uint64_t applied = bytes_.exchange(0);
  if (applied > 0) {
    const Status cut = options_.cut();
    if (!cut.ok()) {
      bytes_.fetch_add(applied);  // the next round tries again
      logging::Warning("table", "no base of the {} was made: {}", options_.view, MessageOf(cut));
    }
  }
  asked_ = false;
}

}  // namespace firth::table
