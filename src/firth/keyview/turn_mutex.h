// A mutex for what is changed a little at a time by one thread, while others want it now and then.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

namespace firth::keyview {

/// Like std::mutex, whoever comes first while it is free has it: a thread that gives it back and
/// takes it again at once is there before those that it woke, so that they wait until its whole
/// work is done, in however small pieces. Such a thread calls GiveWay between the pieces.
class TurnMutex {
 public:
  void lock() {
    if (mutex_.try_lock()) return;
    waiting_.fetch_add(1);
    mutex_.lock();
    waiting_.fetch_sub(1);
    turns_.fetch_add(1);
    turns_.notify_all();
  }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

  /// If somebody waits, return when one of them has had it. Not for who holds it.
  void GiveWay() {
    const int turns = turns_.load();
    // Whoever is counted now has its turn after `turns` was read: this wait ends.
    if (waiting_.load() > 0) turns_.wait(turns);
  }

  /// How many wait.
  int waiting() const { return waiting_.load(); }

 private:
  std::mutex mutex_;
  std::atomic<int> waiting_{0};
  std::atomic<int> turns_{0};  // of those that waited
};

}  // namespace firth::keyview
