#include "firth/keyview/rows_in_front.h"

#include <algorithm>
#include <array>
#include <utility>

#include "firth/keyview/turn_mutex.h"

namespace firth::keyview {

namespace {

constexpr size_t kPlacesAtOnce = 256;
constexpr size_t kWrittenAtOnce = 256;
/// What is asked of the processor before it is needed: so many states ahead, so many keys together.
constexpr size_t kAhead = 8;
constexpr size_t kPrefetched = 16;
constexpr uint64_t kRoomShare = 64;
/// Looks in vain before it gives up until the next time.
constexpr size_t kLooksMax = 64;
/// Places that are looked at for each row that comes, while there is no room: enough to find a row
/// to forget though many are in use, and so few that nobody waits long for it.
constexpr size_t kPlacesForRow = 64;

}  // namespace

/// The rows of one log.
class LogRows {
 public:
  mutable TurnMutex mutex;
  // Guarded by mutex:
  KeyStateTable table;
  uint64_t version = 0;
  uint64_t unwritten = 0;
  size_t hand = 0;

  /// Have the processor bring what these keys hold, if it is here. With the mutex held.
  void Prefetch(const uint64_t* hashes, size_t count) const {
    for (size_t i = 0; i < count; ++i) table.Prefetch(hashes[i]);
    for (size_t i = 0; i < count; ++i) table.PrefetchState(hashes[i]);
  }

  /// Look at `count` places and forget rows that were not asked for since the last time. Returns
  /// the memory that it freed. With the mutex held.
  uint64_t Forget(size_t count) {
    uint64_t freed = 0;
    for (; count > 0 && table.size() > 0; --count) {
      if (hand >= table.places()) hand = 0;
      const size_t ahead = hand + kAhead;
      if (ahead < table.places() && !table.HasMark(ahead, kKept)) table.At(ahead).Prefetch();
      if (!table.At(hand) || table.HasMark(hand, kKept)) {
        if (!table.HasMark(hand, KeyStateTable::kUnwritten)) {
          table.UnmarkAt(hand, KeyStateTable::kUsed);
        }
        ++hand;
        continue;
      }
      freed += table.At(hand)->memory_bytes();
      table.EraseAt(hand);  // another may be there now
    }
    return freed;
  }

 private:
  static constexpr uint64_t kKept = KeyStateTable::kUsed | KeyStateTable::kUnwritten;
};

RowsInFront::~RowsInFront() = default;

std::shared_ptr<LogRows> RowsInFront::RowsOf(LogId log) const {
  std::lock_guard lock(mutex_);
  const auto found = logs_.find(log);
  return found == logs_.end() ? nullptr : found->second;
}

std::shared_ptr<LogRows> RowsInFront::MakeRowsOf(LogId log) {
  std::lock_guard lock(mutex_);
  auto& rows = logs_[log];
  if (rows == nullptr) rows = std::make_shared<LogRows>();
  return rows;
}

RowsInFront::Found RowsInFront::Find(LogId log, const std::vector<std::string_view>& keys) const {
  Found found;
  found.states.resize(keys.size());
  found.missing = keys.size();
  const auto rows = RowsOf(log);
  if (rows == nullptr) return found;
  std::vector<uint64_t> hashes(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) hashes[i] = HashKey(keys[i]);
  std::lock_guard lock(rows->mutex);
  found.version = rows->version;
  // Places and states lie all over the memory: many are brought at once.
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i % kPrefetched == 0)
      rows->Prefetch(hashes.data() + i, std::min(kPrefetched, keys.size() - i));
    const KeyStatePtr* const state = rows->table.Find(hashes[i], keys[i], KeyStateTable::kUsed);
    if (state == nullptr) continue;
    found.states[i] = *state;
    --found.missing;
  }
  return found;
}

uint64_t RowsInFront::VersionOf(LogId log) const {
  const auto rows = RowsOf(log);
  if (rows == nullptr) return 0;
  std::lock_guard lock(rows->mutex);
  return rows->version;
}

void RowsInFront::Put(LogId log, const std::vector<KeyStatePtr>& changes) {
  if (changes.empty()) return;
  const auto rows = MakeRowsOf(log);
  int64_t grown = 0;
  int64_t unwritten_grown = 0;
  {
    std::lock_guard lock(rows->mutex);
    ++rows->version;
    std::array<uint64_t, kPrefetched> hashes;
    for (size_t i = 0; i < changes.size(); ++i) {
      if (i % kPrefetched == 0) {
        const size_t count = std::min(kPrefetched, changes.size() - i);
        for (size_t k = 0; k < count; ++k) hashes[k] = changes[i + k]->hash();
        rows->Prefetch(hashes.data(), count);
      }
      const KeyStatePtr& state = changes[i];
      const auto bytes = static_cast<int64_t>(state->memory_bytes());
      state->round_ = round_;
      state->unwritten_ = true;
      const KeyStatePtr old =
          rows->table.Put(state, KeyStateTable::kUsed | KeyStateTable::kUnwritten);
      grown += bytes;
      unwritten_grown += bytes;
      if (old) grown -= static_cast<int64_t>(old->memory_bytes());
      if (old && old->unwritten_ && old->round_ == round_) {
        unwritten_grown -= static_cast<int64_t>(old->memory_bytes());
        state->place_ = old->place_;
        unwritten_[state->place_] = state;
        continue;
      }
      ++rows->unwritten;
      state->place_ = static_cast<uint32_t>(unwritten_.size());
      unwritten_.push_back(state);
    }
  }
  bytes_.fetch_add(static_cast<uint64_t>(grown));
  unwritten_bytes_.fetch_add(static_cast<uint64_t>(unwritten_grown));
  Forget(bytes_max_, kPlacesForRow * changes.size());
}

void RowsInFront::Keep(LogId log, uint64_t version, const std::vector<KeyStatePtr>& read) {
  const auto rows = MakeRowsOf(log);
  uint64_t grown = 0;
  {
    std::lock_guard lock(rows->mutex);
    if (rows->version != version) return;
    for (const KeyStatePtr& state : read) {
      if (rows->table.Find(state->hash(), state->key()) != nullptr) continue;
      rows->table.Put(state);
      grown += state->memory_bytes();
    }
  }
  bytes_.fetch_add(grown);
  Forget(bytes_max_, kPlacesForRow * read.size());
}

bool RowsInFront::IsUnwritten(LogId log) const {
  const auto rows = RowsOf(log);
  if (rows == nullptr) return false;
  std::lock_guard lock(rows->mutex);
  return rows->unwritten > 0;
}

std::vector<KeyStatePtr> RowsInFront::TakeUnwritten() {
  unwritten_bytes_.store(0);
  ++round_;
  return std::exchange(unwritten_, {});
}

void RowsInFront::Written(const std::vector<KeyStatePtr>& states) {
  std::shared_ptr<LogRows> rows;
  LogId log{0};
  std::unique_lock<TurnMutex> lock;
  for (size_t i = 0; i < states.size(); ++i) {
    // Nobody else is to wait for all of them.
    if (i % kWrittenAtOnce == 0 && lock.owns_lock()) {
      lock.unlock();
      rows->mutex.GiveWay();
    }
    if (i + 2 * kAhead < states.size()) states[i + 2 * kAhead].Prefetch();
    const KeyStatePtr& state = states[i];
    if (rows == nullptr || state->log() != log) {
      if (lock.owns_lock()) lock.unlock();
      log = state->log();
      rows = MakeRowsOf(log);
    }
    if (!lock.owns_lock()) lock = std::unique_lock(rows->mutex);
    if (i + kAhead < states.size()) rows->table.Prefetch(states[i + kAhead]->hash());
    FIRTH_CHECK(state->unwritten_ && rows->unwritten > 0);
    --rows->unwritten;  // a later change of the key counts for itself
    state->unwritten_ = false;
    rows->table.Unmark(state.get(), KeyStateTable::kUnwritten);
  }
  if (lock.owns_lock()) lock.unlock();
  // What could not be forgotten until now may be a lot; and some room more, so that not every row
  // that comes has another looked for.
  if (bytes_.load() > bytes_max_) Forget(bytes_max_ - bytes_max_ / kRoomShare, SIZE_MAX);
}

void RowsInFront::Drop(LogId log) {
  std::shared_ptr<LogRows> rows;
  {
    std::lock_guard lock(mutex_);
    const auto found = logs_.find(log);
    if (found == logs_.end()) return;
    rows = std::move(found->second);
    logs_.erase(found);
  }
  for (KeyStatePtr& state : unwritten_) {
    if (!state || state->log() != log) continue;
    unwritten_bytes_.fetch_sub(state->memory_bytes());
    state = nullptr;
  }
  uint64_t freed = 0;
  std::lock_guard lock(rows->mutex);
  ++rows->version;
  for (size_t at = 0; at < rows->table.places(); ++at) {
    if (rows->table.At(at)) freed += rows->table.At(at)->memory_bytes();
  }
  rows->table = KeyStateTable();
  bytes_.fetch_sub(freed);
}

void RowsInFront::Clear() {
  std::vector<LogId> all;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [log, rows] : logs_) all.push_back(log);
  }
  for (const LogId log : all) Drop(log);
}

void RowsInFront::Forget(uint64_t bytes_kept, size_t places_max) {
  size_t looks = 0;
  size_t places = 0;
  while (bytes_.load() > bytes_kept && places < places_max) {
    std::shared_ptr<LogRows> rows;
    {
      std::lock_guard lock(mutex_);
      if (logs_.empty()) return;
      auto next = logs_.upper_bound(forgotten_last_);
      if (next == logs_.end()) next = logs_.begin();
      forgotten_last_ = next->first;
      rows = next->second;
    }
    rows->mutex.GiveWay();
    std::lock_guard lock(rows->mutex);
    places += std::min(kPlacesAtOnce, rows->table.places());
    const uint64_t freed = rows->Forget(kPlacesAtOnce);
    bytes_.fetch_sub(freed);
    looks = freed > 0 ? 0 : looks + 1;
    // What is not written cannot be forgotten: the writer bounds it.
    if (looks > kLooksMax) return;
  }
}

}  // namespace firth::keyview
