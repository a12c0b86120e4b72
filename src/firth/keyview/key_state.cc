#include "firth/keyview/key_state.h"

#include <cstring>
#include <new>

#include "firth/common/checksum.h"
#include "firth/keyview/key_format.h"

namespace firth::keyview {
namespace {

constexpr size_t kCommitAt = sizeof(int64_t);
constexpr size_t kFlagsAt = 2 * sizeof(int64_t);

}  // namespace

uint64_t HashKey(std::string_view key) {
  return Hash64(AsBytes(key));
}

KeyStatePtr KeyState::Allocate(LogId log, std::string_view key, uint32_t row_bytes, bool gone) {
  const auto key_bytes = static_cast<uint32_t>(kLogPrefixBytes + key.size());
  void* const memory = TakeStateMemory(sizeof(KeyState) + key_bytes + row_bytes);
  auto* const state = new (memory) KeyState(HashKey(key), key_bytes, row_bytes, gone);
  StoreBe(state->bytes(), static_cast<uint64_t>(log.value));
  std::memcpy(state->bytes() + kLogPrefixBytes, key.data(), key.size());
  return KeyStatePtr(state);
}

KeyStatePtr KeyState::Make(LogId log, std::string_view key, std::string_view front,
                           std::string_view rest) {
  FIRTH_CHECK(front.size() + rest.size() >= kSchemaIdBytes);
  KeyStatePtr state =
      Allocate(log, key, static_cast<uint32_t>(kRowHeaderBytes + front.size() + rest.size()),
               /*gone=*/false);
  char* const place = state->row_place();
  std::memset(place, 0, kRowHeaderBytes);
  place[kFlagsAt] = static_cast<char>(kRowFlags);
  std::memcpy(place + kRowHeaderBytes, front.data(), front.size());
  std::memcpy(place + kRowHeaderBytes + front.size(), rest.data(), rest.size());
  return state;
}

KeyStatePtr KeyState::MakeGone(LogId log, std::string_view key) {
  return Allocate(log, key, 0, /*gone=*/true);
}

Result<KeyStatePtr> KeyState::MakeStored(LogId log, std::string_view key, std::string_view stored) {
  ARROW_RETURN_NOT_OK(CheckRow(stored));
  KeyStatePtr state = Allocate(log, key, static_cast<uint32_t>(stored.size()), /*gone=*/false);
  std::memcpy(state->row_place(), stored.data(), stored.size());
  return state;
}

void KeyState::SetCommit(CommitId commit, int64_t record_time_ns) {
  if (gone_) return;
  StoreLe(row_place(), record_time_ns);
  StoreLe(row_place() + kCommitAt, commit.value);
}

std::string_view KeyState::key() const {
  return stored_key().substr(kLogPrefixBytes);
}

std::string_view KeyState::value() const {
  FIRTH_CHECK(!gone_);
  return stored_row().substr(kRowHeaderBytes);
}

CommitId KeyState::commit() const {
  FIRTH_CHECK(!gone_);
  return CommitId(LoadLe<int64_t>(stored_row().data() + kCommitAt));
}

int64_t KeyState::record_time_ns() const {
  FIRTH_CHECK(!gone_);
  return LoadLe<int64_t>(stored_row().data());
}

LogId KeyState::log() const {
  return LogId(LoadBe<int64_t>(bytes()));
}

KeyStatePtr::~KeyStatePtr() {
  if (state_ == nullptr || state_->owners_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const size_t bytes = state_->bytes_in_all();
  state_->~KeyState();
  GiveStateMemory(state_, bytes);
}

}  // namespace firth::keyview
