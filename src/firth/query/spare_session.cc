#include "firth/query/spare_session.h"

#include <utility>

namespace firth::query {
namespace {

/// Would a session be opened alike? Its time is set when it is taken.
bool Alike(const QueryLimits& a, const QueryLimits& b) {
  return a.memory_bytes == b.memory_bytes && a.spill_bytes == b.spill_bytes &&
         a.threads == b.threads;
}

}  // namespace

SpareSession::~SpareSession() {
  maker_.request_stop();
  if (maker_.joinable()) maker_.join();
}

Result<std::unique_ptr<Session>> SpareSession::Take(const QueryLimits& limits,
                                                    std::string spill_folder,
                                                    std::string next_spill_folder) {
  std::unique_ptr<Session> taken;
  {
    std::lock_guard lock(mutex_);
    if (spare_ != nullptr && Alike(spare_->limits(), limits)) taken = std::move(spare_);
    if (spare_ == nullptr && !wanted_) {
      wanted_ = true;
      limits_ = limits;
      spill_folder_ = std::move(next_spill_folder);
      wake_.notify_one();
    }
    if (!maker_.joinable()) {
      maker_ = std::jthread([this](const std::stop_token& stop) { Make(stop); });
    }
  }
  if (taken == nullptr) return Session::Open(limits, std::move(spill_folder));
  taken->SetTimeout(limits.timeout_ns);
  return taken;
}

void SpareSession::Make(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return wanted_; })) {
    const QueryLimits limits = limits_;
    std::string folder = std::move(spill_folder_);
    lock.unlock();
    auto made = Session::Open(limits, std::move(folder));
    lock.lock();
    wanted_ = false;
    // Where it cannot be opened, whoever needs one is told.
    if (made.ok()) spare_ = *std::move(made);
  }
}

}  // namespace firth::query
