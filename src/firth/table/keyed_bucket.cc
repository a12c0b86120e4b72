#include "firth/table/keyed_bucket.h"

#include <algorithm>

namespace firth::table {

Result<KeyedBucket::Turn> KeyedBucket::Judge(WriterId writer, int32_t sequence) {
  if (writer == kNoWriter) return Turn::kNew;
  auto found = sent_.find(writer);
  if (found == sent_.end()) {
    ARROW_ASSIGN_OR_RAISE(const auto last, logs_->LastSequence(log_, writer));
    if (!last.has_value()) return sequence == 0 ? Turn::kNew : Turn::kOutOfOrder;
    found = sent_.emplace(writer, *last).first;
  }
  const int32_t last = found->second;
  if (sequence == (last == INT32_MAX ? 0 : last + 1)) return Turn::kNew;
  return sequence <= last ? Turn::kRepeat : Turn::kOutOfOrder;
}

Status KeyedBucket::CheckOpen() const {
  if (!failing_) return Status::OK();
  return Error(Code::kAborted, Reason::kConflict,
               "an earlier write of this bucket failed: send the batch again");
}

std::pair<uint64_t, uint64_t> KeyedBucket::Add(KeyChanges changes, WriterId writer,
                                               int32_t sequence) {
  FIRTH_CHECK(!failing_);
  for (const keyview::KeyStatePtr& state : *changes) pending_.Put(state);
  if (writer != kNoWriter) sent_[writer] = sequence;
  const uint64_t number = next_number_++;
  in_flight_.push_back({.number = number, .changes = std::move(changes)});
  return {number, decided_epoch_};
}

void KeyedBucket::End(uint64_t number, bool failed) {
  const auto ended = std::find_if(in_flight_.begin(), in_flight_.end(),
                                  [&](const InFlight& write) { return write.number == number; });
  FIRTH_CHECK(ended != in_flight_.end());
  // A later write may have put its own change in the place of this one's. Then it is that one which
  // counts, also if it is to fail: until that has ended whoever builds on it fails, too.
  for (const keyview::KeyStatePtr& state : *ended->changes) pending_.Erase(state.get());
  in_flight_.erase(ended);
  failing_ |= failed;
  if (failing_ && in_flight_.empty()) {
    failing_ = false;
    decided_epoch_ = epoch_.load();
    sent_.clear();  // what was decided and failed was not sent
  }
}

}  // namespace firth::table
