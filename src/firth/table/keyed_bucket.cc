#include "firth/table/keyed_bucket.h"

#include <algorithm>

namespace firth::table {

KeyedBucket::Turn KeyedBucket::Judge(WriterId writer, int32_t sequence) {
  if (writer == kNoWriter) return Turn::kNew;
  auto found = sent_.find(writer);
  if (found == sent_.end()) {
    const auto last = logs_->LastSequence(log_, writer);
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

const std::optional<std::string>* KeyedBucket::Find(const std::string& key) const {
  const auto found = pending_.find(key);
  return found == pending_.end() ? nullptr : &found->second.back().second;
}

std::pair<uint64_t, uint64_t> KeyedBucket::Add(const std::vector<keyview::Change>& changes,
                                               WriterId writer, int32_t sequence) {
  FIRTH_CHECK(!failing_);
  InFlight write{.number = next_number_++};
  for (const keyview::Change& change : changes) {
    pending_[change.key].emplace_back(
        write.number, change.row.has_value() ? std::optional(change.row->value) : std::nullopt);
    write.keys.push_back(change.key);
  }
  if (writer != kNoWriter) sent_[writer] = sequence;
  const uint64_t number = write.number;
  in_flight_.push_back(std::move(write));
  return {number, decided_epoch_};
}

void KeyedBucket::End(uint64_t number, bool failed) {
  const auto ended = std::find_if(in_flight_.begin(), in_flight_.end(),
                                  [&](const InFlight& write) { return write.number == number; });
  FIRTH_CHECK(ended != in_flight_.end());
  for (const std::string& key : ended->keys) {
    const auto found = pending_.find(key);
    FIRTH_CHECK(found != pending_.end());
    std::erase_if(found->second, [&](const auto& state) { return state.first == number; });
    if (found->second.empty()) pending_.erase(found);
  }
  in_flight_.erase(ended);
  failing_ |= failed;
  if (failing_ && in_flight_.empty()) {
    failing_ = false;
    decided_epoch_ = epoch_.load();
    sent_.clear();  // what was decided and failed was not sent
  }
}

}  // namespace firth::table
