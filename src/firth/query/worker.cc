#include "firth/query/worker.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "firth/query/session.h"

namespace firth::query {
namespace {

using Clock = std::chrono::steady_clock;

/// How often a call is looked at that takes long.
constexpr std::chrono::milliseconds kLook{100};

}  // namespace

struct Worker::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> call;  // guarded by mutex; the next
  bool busy = false;           // guarded by mutex
  bool stop = false;           // guarded by mutex
};

Worker::Worker() : state_(std::make_shared<State>()) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  if (!thread_.joinable()) return;
  if (given_up_ || thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void Worker::Work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->changed.wait(lock, [&] { return state->stop || state->call != nullptr; });
    if (state->call == nullptr) return;
    std::function<void()> call = std::exchange(state->call, nullptr);
    lock.unlock();
    call();
    call = nullptr;  // what it held is gone before who waits goes on
    lock.lock();
    state->busy = false;
    state->changed.notify_all();
  }
}

bool Worker::Run(std::function<void()> call, const Watch& watch, int64_t grace_ns) {
  if (given_up_) return false;
  std::unique_lock lock(state_->mutex);
  state_->call = std::move(call);
  state_->busy = true;
  if (!thread_.joinable()) thread_ = std::thread([state = state_] { Work(state); });
  state_->changed.notify_all();
  Clock::time_point told = Clock::time_point::max();
  while (!state_->changed.wait_for(lock, kLook, [&] { return !state_->busy; })) {
    const auto now = Clock::now();
    if (told == Clock::time_point::max() && (watch.passed() || watch.cancelled())) told = now;
    if (told == Clock::time_point::max() || now - told < std::chrono::nanoseconds(grace_ns)) {
      continue;
    }
    given_up_ = true;
    return false;
  }
  return true;
}

}  // namespace firth::query
