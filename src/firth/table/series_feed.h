// Telling subscribers of inserts into series.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "firth/table/series_subscription.h"

namespace firth::table {

/// Subscriptions by series. Thread-safe.
class SeriesFeed {
 public:
  /// One subscriber's queue.
  class Queue {
   public:
    Queue(size_t points_max, std::function<void()> wake)
        : points_max_(points_max), wake_(std::move(wake)) {}

    void Push(const std::shared_ptr<const InsertedPoints>& inserted);
    Result<std::vector<InsertedPoints>> Take(size_t points_max);
    /// No call of `wake` runs or will run after the return.
    void Close();

   private:
    const size_t points_max_;
    std::mutex wake_mutex_;  // held while `wake` runs; taken before mutex_
    std::function<void()> wake_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<const InsertedPoints>> waiting_;
    size_t points_ = 0;
    bool over_ = false;
  };

  void Add(const std::shared_ptr<Queue>& queue, std::span<const SeriesId> series);
  void Remove(const std::shared_ptr<Queue>& queue, std::span<const SeriesId> series);
  /// Remove a queue from all series.
  void RemoveAll(const std::shared_ptr<Queue>& queue);
  /// Tell who wants it of an edit that has become visible. Edits of one series come in order.
  void Publish(const timeview::Edit& edit);

 private:
  std::atomic<size_t> size_ = 0;  // entries of queues_, to cost nothing where nobody listens
  std::mutex mutex_;
  std::unordered_multimap<SeriesId, std::shared_ptr<Queue>> queues_;  // guarded by mutex_
};

}  // namespace firth::table
