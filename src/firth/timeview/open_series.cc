#include "firth/timeview/open_series.h"

#include <utility>

#include "firth/common/text.h"

namespace firth::timeview {
namespace {

/// One head in so many is let go before its place is needed.
constexpr size_t kSpare = 8;
/// A reader that brings a head looks at so many to let one go. The writer sees to the rest.
constexpr size_t kLooksMax = 64;

}  // namespace

HeadPtr OpenSeries::Use(const SeriesId& series) {
  const auto found = heads_.find(series);
  if (found == heads_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return *found->second;
}

void OpenSeries::Insert(const HeadPtr& head) {
  order_.push_front(head);
  const bool is_new = heads_.emplace(head->id(), order_.begin()).second;
  FIRTH_CHECK(is_new);
}

Result<HeadPtr> OpenSeries::Load(const SeriesId& series, const FileNodeSource& source) const {
  ARROW_ASSIGN_OR_RAISE(const auto address, base_->directory().Find(series));
  if (!address) return nullptr;
  return SeriesHead::Load(series, source, *address);
}

Result<HeadPtr> OpenSeries::FindOrLoad(const SeriesId& series) {
  for (;;) {
    uint64_t version = 0;
    {
      std::lock_guard lock(mutex_);
      if (HeadPtr head = Use(series)) return head;
      version = VersionOf(series);
    }
    const auto source = base_->Source();
    Result<HeadPtr> loaded = Load(series, *source);
    std::vector<HeadPtr> dropped;
    std::lock_guard lock(mutex_);
    if (HeadPtr head = Use(series)) return head;
    // The head may have been written, let go or moved since it was looked up.
    if (version != VersionOf(series) || !base_->IsCurrent(source)) continue;
    if (!loaded.ok() || *loaded == nullptr) return loaded;
    Insert(*loaded);
    if (order_.size() > heads_max_) TrimLocked(heads_max_, kLooksMax, &dropped);
    return loaded;
  }
}

Result<HeadPtr> OpenSeries::Find(const SeriesId& series) {
  ARROW_ASSIGN_OR_RAISE(HeadPtr head, FindOrLoad(series));
  return head ? head : std::make_shared<SeriesHead>(series);
}

Result<HeadPtr> OpenSeries::FindOrMake(const SeriesId& series, bool* is_new) {
  ARROW_ASSIGN_OR_RAISE(HeadPtr head, FindOrLoad(series));
  *is_new = head == nullptr;
  if (head) return head;
  head = std::make_shared<SeriesHead>(series);
  std::lock_guard lock(mutex_);
  Insert(head);
  return head;
}

HeadPtr OpenSeries::FindOpen(const SeriesId& series) {
  std::lock_guard lock(mutex_);
  const auto found = heads_.find(series);
  return found == heads_.end() ? nullptr : *found->second;
}

void OpenSeries::Remove(const SeriesId& series) {
  std::lock_guard lock(mutex_);
  ++VersionOf(series);
  const auto found = heads_.find(series);
  if (found == heads_.end()) return;
  (*found->second)->marks.changed = false;
  order_.erase(found->second);
  heads_.erase(found);
}

void OpenSeries::MarkChanged(const HeadPtr& head) {
  head->marks.changed = true;
  if (head->marks.listed) return;
  head->marks.listed = true;
  changed_.push_back(head);
}

void OpenSeries::MarkWritten(const HeadPtr& head) {
  head->marks.changed = false;
}

void OpenSeries::ForgetWritten() {
  std::erase_if(changed_, [](const HeadPtr& head) {
    head->marks.listed = head->marks.changed;
    return !head->marks.listed;
  });
}

std::vector<HeadPtr> OpenSeries::Changed() {
  ForgetWritten();
  return changed_;
}

std::vector<HeadPtr> OpenSeries::ChangedToEvict() const {
  std::lock_guard lock(mutex_);
  std::vector<HeadPtr> heads;
  if (order_.size() <= heads_max_) return heads;
  const size_t wanted = order_.size() - heads_max_ + heads_max_ / kSpare;
  size_t seen = 0;
  for (auto head = order_.rbegin(); head != order_.rend() && seen < wanted; ++head, ++seen) {
    if ((*head)->marks.changed) heads.push_back(*head);
  }
  return heads;
}

void OpenSeries::Trim() {
  ForgetWritten();
  std::vector<HeadPtr> dropped;  // freed after the lock
  std::lock_guard lock(mutex_);
  if (order_.size() > heads_max_) {
    TrimLocked(heads_max_ - heads_max_ / kSpare, order_.size(), &dropped);
  }
}

void OpenSeries::TrimLocked(size_t heads_low, size_t looks_max, std::vector<HeadPtr>* dropped) {
  auto head = order_.end();
  for (size_t looks = 0; looks < looks_max && order_.size() > heads_low && head != order_.begin();
       ++looks) {
    --head;
    // Whoever holds it may be about to change it.
    if (head->use_count() > 1) continue;
    ++VersionOf((*head)->id());
    heads_.erase((*head)->id());
    pending_bytes_gone_ += (*head)->pending_bytes();
    dropped->push_back(std::move(*head));
    head = order_.erase(head);
  }
}

size_t OpenSeries::size() const {
  std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace firth::timeview
