#include "firth/table/series_feed.h"

#include <algorithm>

#include "firth/table/series_store.h"
#include "firth/timeview/overlay.h"

namespace firth::table {

void SeriesFeed::Queue::Push(const std::shared_ptr<const InsertedPoints>& inserted) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    wake = waiting_.empty();
    points_ += inserted->points.size();
    waiting_.push_back(inserted);
    if (points_ > points_max_) {
      over_ = wake = true;
      waiting_.clear();
    }
  }
  std::lock_guard waking(wake_mutex_);
  if (wake && wake_) wake_();
}

Result<std::vector<InsertedPoints>> SeriesFeed::Queue::Take(size_t points_max) {
  std::vector<std::shared_ptr<const InsertedPoints>> taken;
  {
    std::lock_guard lock(mutex_);
    if (over_) {
      return Error(Code::kResourceExhausted, Reason::kOverBudget,
                   "the subscriber is too slow: more than " + std::to_string(points_max_) +
                       " points waited for it");
    }
    size_t points = 0;
    size_t count = 0;
    while (count < waiting_.size() && (count == 0 || points < points_max)) {
      points += waiting_[count++]->points.size();
    }
    const auto end = waiting_.begin() + static_cast<ptrdiff_t>(count);
    taken.assign(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    points_ -= points;
  }
  std::vector<InsertedPoints> out;
  out.reserve(taken.size());
  for (const auto& inserted : taken) out.push_back(*inserted);
  return out;
}

void SeriesFeed::Queue::Close() {
  std::lock_guard waking(wake_mutex_);
  wake_ = nullptr;
}

void SeriesFeed::Add(const std::shared_ptr<Queue>& queue, std::span<const SeriesId> series) {
  std::lock_guard lock(mutex_);
  for (const SeriesId& id : series) {
    const auto [begin, end] = queues_.equal_range(id);
    if (std::none_of(begin, end, [&](const auto& item) { return item.second == queue; })) {
      queues_.emplace(id, queue);
    }
  }
  size_ = queues_.size();
}

void SeriesFeed::Remove(const std::shared_ptr<Queue>& queue, std::span<const SeriesId> series) {
  std::lock_guard lock(mutex_);
  for (const SeriesId& id : series) {
    const auto [begin, end] = queues_.equal_range(id);
    const auto found = std::find_if(begin, end, [&](const auto& i) { return i.second == queue; });
    if (found != end) queues_.erase(found);
  }
  size_ = queues_.size();
}

void SeriesFeed::RemoveAll(const std::shared_ptr<Queue>& queue) {
  std::lock_guard lock(mutex_);
  std::erase_if(queues_, [&](const auto& item) { return item.second == queue; });
  size_ = queues_.size();
}

void SeriesFeed::Publish(const timeview::Edit& edit) {
  if (size_ == 0 || edit.kind != timeview::Edit::Kind::kInsert) return;
  std::vector<std::shared_ptr<Queue>> queues;
  {
    std::lock_guard lock(mutex_);
    const auto [begin, end] = queues_.equal_range(edit.series);
    for (auto at = begin; at != end; ++at) queues.push_back(at->second);
  }
  if (queues.empty()) return;
  auto inserted = std::make_shared<InsertedPoints>();
  inserted->series = edit.series;
  inserted->revision = edit.revision;
  inserted->points.times.assign(edit.times.begin(), edit.times.end());
  inserted->points.values.assign(edit.values.begin(), edit.values.end());
  timeview::SortPoints(&inserted->points.times, &inserted->points.values);
  for (const auto& queue : queues) queue->Push(inserted);
}

namespace {

class Subscription : public SeriesSubscription {
 public:
  Subscription(SeriesStoreImpl* store, SeriesFeed* feed, size_t points_max,
               std::function<void()> wake)
      : store_(store),
        feed_(feed),
        queue_(std::make_shared<SeriesFeed::Queue>(points_max, std::move(wake))) {}
  ~Subscription() override {
    feed_->RemoveAll(queue_);
    queue_->Close();
  }

  Status Add(const access::Caller& caller, std::span<const SeriesId> series) override {
    for (const SeriesId& id : series) {
      ARROW_RETURN_NOT_OK(store_->PrepareToTell(caller, id));
    }
    feed_->Add(queue_, series);
    return Status::OK();
  }
  void Remove(std::span<const SeriesId> series) override { feed_->Remove(queue_, series); }
  Result<std::vector<InsertedPoints>> Take(size_t points_max) override {
    return queue_->Take(points_max);
  }

 private:
  SeriesStoreImpl* const store_;
  SeriesFeed* const feed_;
  const std::shared_ptr<SeriesFeed::Queue> queue_;
};

}  // namespace

std::unique_ptr<SeriesSubscription> SubscribeToSeries(SeriesStore* series, size_t points_max,
                                                      std::function<void()> wake) {
  // This room makes every SeriesStore there is.
  auto* store = static_cast<SeriesStoreImpl*>(series);
  return std::make_unique<Subscription>(store, store->feed(), points_max, std::move(wake));
}

}  // namespace firth::table
