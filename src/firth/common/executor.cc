#include "firth/common/executor.h"

#include <pthread.h>

#include <chrono>

namespace firth {

ThreadPool::ThreadPool(std::string name, size_t threads, const Clock* clock)
    : name_(std::move(name)), clock_(clock) {
  threads_.reserve(threads);
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), name_.substr(0, 15).c_str());
  }
}

ThreadPool::~ThreadPool() {
  Stop();
}

void ThreadPool::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  decltype(timers_) dropped;  // destroyed outside the lock: they may own anything
  std::lock_guard lock(mutex_);
  stopped_ = true;
  dropped.swap(timers_);
}

void ThreadPool::Post(Task task) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

uint64_t ThreadPool::PostAt(int64_t at_ns, Task task) {
  uint64_t id = 0;
  {
    std::lock_guard lock(mutex_);
    id = next_timer_++;
    if (stopped_) return id;
    timers_.emplace(std::pair(at_ns, id), std::move(task));
  }
  wake_.notify_one();
  return id;
}

void ThreadPool::Cancel(uint64_t timer) {
  Task dropped;  // destroyed outside the lock: it may own anything
  std::lock_guard lock(mutex_);
  for (auto it = timers_.begin(); it != timers_.end(); ++it) {
    if (it->first.second != timer) continue;
    dropped = std::move(it->second);
    timers_.erase(it);
    return;
  }
}

size_t ThreadPool::Backlog() const {
  std::lock_guard lock(mutex_);
  return tasks_.size();
}

void ThreadPool::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    Task task;
    if (!timers_.empty() && timers_.begin()->first.first <= clock_->MonotonicNs()) {
      task = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
    } else if (!tasks_.empty()) {
      task = std::move(tasks_.front());
      tasks_.pop_front();
    } else if (stopping_) {
      return;
    } else if (timers_.empty()) {
      wake_.wait(lock);
      continue;
    } else {
      const int64_t wait_ns = timers_.begin()->first.first - clock_->MonotonicNs();
      wake_.wait_for(lock, std::chrono::nanoseconds(wait_ns));
      continue;
    }
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

void ManualExecutor::Post(Task task) {
  tasks_.push_back(std::move(task));
}

uint64_t ManualExecutor::PostAt(int64_t at_ns, Task task) {
  const uint64_t id = next_timer_++;
  timers_.emplace(std::pair(at_ns, id), std::move(task));
  return id;
}

void ManualExecutor::Cancel(uint64_t timer) {
  for (auto it = timers_.begin(); it != timers_.end(); ++it) {
    if (it->first.second != timer) continue;
    timers_.erase(it);
    return;
  }
}

bool ManualExecutor::RunOne() {
  if (!tasks_.empty()) {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
    return true;
  }
  if (!timers_.empty() && timers_.begin()->first.first <= clock_->MonotonicNs()) {
    Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
    return true;
  }
  return false;
}

void ManualExecutor::RunUntilIdle(bool advance, int64_t horizon_ns) {
  while (true) {
    if (RunOne()) continue;
    if (!advance || timers_.empty() || timers_.begin()->first.first > horizon_ns) return;
    clock_->Set(timers_.begin()->first.first);
  }
}

void ManualExecutor::Clear() {
  tasks_.clear();
  timers_.clear();
}

}  // namespace firth
