#include "firth/table/lookup_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "firth/common/later.h"

namespace firth::table {
namespace {

/// Batches that are read at once; more would only share the keys out among smaller ones.
constexpr int kRunningMax = 2;
/// A batch whose rows lie in memory is read by then: until then, what comes waits for it, and wakes
/// no other thread.
constexpr int64_t kReadInMemoryNs = 200'000;
/// Keys that are read together; one ask is never split.
constexpr size_t kTogetherMax = 512;

}  // namespace

void LookupQueue::Add(Ask ask) {
  in_work_->Begin();
  std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(ask));
  if (running_ == kRunningMax) return;
  const int64_t now_ns = clock_->MonotonicNs();
  if (running_ > 0 && now_ns - began_ns_ < kReadInMemoryNs) return;
  began_ns_ = now_ns;
  ++running_;
  in_work_->Begin();
  // What this thread brings with it shall be read in the same go.
  Later::Do([this] { executor_->Post([this] { Run(); }); });
}

void LookupQueue::Run() {
  while (true) {
    std::vector<Ask> asks;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        --running_;
        break;
      }
      size_t count = 0;
      size_t keys = 0;
      while (count < waiting_.size() && (count == 0 || keys < kTogetherMax)) {
        keys += waiting_[count++].canonical.ends.size();
      }
      const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
      asks.assign(std::move_iterator(waiting_.begin()), std::move_iterator(end));
      waiting_.erase(waiting_.begin(), end);
      began_ns_ = clock_->MonotonicNs();
    }
    // Those of one log together; each log's in their order.
    std::stable_sort(asks.begin(), asks.end(),
                     [](const Ask& a, const Ask& b) { return a.log < b.log; });
    const Later later;  // what was read together is answered together
    for (auto at = asks.begin(); at != asks.end();) {
      const auto end =
          std::find_if(at, asks.end(), [&](const Ask& ask) { return ask.log != at->log; });
      Read({std::move_iterator(at), std::move_iterator(end)});
      at = end;
    }
  }
  in_work_->End();  // this may be gone now
}

void LookupQueue::Read(const std::vector<Ask>& asks) {
  std::vector<std::string_view> keys;
  for (const Ask& ask : asks) {
    const std::string_view bytes = ask.canonical.bytes;
    size_t begin = 0;
    for (const size_t end : ask.canonical.ends) {
      keys.push_back(bytes.substr(begin, end - begin));
      begin = end;
    }
  }
  auto found = view_->Find(asks.front().log, keys, /*keep=*/true);
  size_t next = 0;
  for (const Ask& ask : asks) {
    if (!found.ok()) {
      ask.done(found.status());
    } else {
      const auto begin = found->begin() + static_cast<std::ptrdiff_t>(next);
      next += ask.canonical.ends.size();
      ask.done(FoundRows(std::move_iterator(begin),
                         std::move_iterator(found->begin() + static_cast<std::ptrdiff_t>(next))));
    }
    in_work_->End();
  }
}

}  // namespace firth::table
