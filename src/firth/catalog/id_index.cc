#include "firth/catalog/id_index.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"

namespace firth::catalog {
namespace {

constexpr size_t kLists = IdIndexLimits::kLists;
/// A row's key is the list and the hash of its first entry.
constexpr int kHashBits = 62;
constexpr uint64_t kHashMax = (uint64_t{1} << kHashBits) - 1;
constexpr size_t kEntryBytes = 16;
static_assert(kLists <= 4);

uint64_t HashOf(std::string_view id) {
  return Hash64(AsBytes(id)) >> (64 - kHashBits);
}

int64_t KeyOf(size_t list, uint64_t hash) {
  return static_cast<int64_t>(uint64_t{list} << kHashBits | hash);
}

std::string Encode(const IdEntry* begin, const IdEntry* end) {
  std::string bytes;
  bytes.reserve(static_cast<size_t>(end - begin) * kEntryBytes);
  for (const IdEntry* entry = begin; entry < end; ++entry) {
    AppendLe(&bytes, entry->hash);
    AppendLe(&bytes, entry->number);
  }
  return bytes;
}

Result<std::vector<IdEntry>> Decode(const std::string& bytes) {
  if (bytes.empty() || bytes.size() % kEntryBytes != 0) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "a row of the catalog's table `thing_ids` has " + std::to_string(bytes.size()) +
                     " bytes, which are no whole entries");
  }
  std::vector<IdEntry> entries(bytes.size() / kEntryBytes);
  for (size_t i = 0; i < entries.size(); ++i) {
    entries[i] = {LoadLe<uint64_t>(&bytes[i * kEntryBytes]),
                  LoadLe<int64_t>(&bytes[i * kEntryBytes + sizeof(uint64_t)])};
  }
  return entries;
}

}  // namespace

Status IdIndex::Open() {
  ARROW_ASSIGN_OR_RAISE(Statement counts, sql_->Query("SELECT list, entries FROM thing_id_lists"));
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, counts.Step());
    if (!row) break;
    const auto list = static_cast<size_t>(counts.Int(0));
    if (list >= kLists) {
      return Error(Code::kDataLoss, Reason::kNone,
                   "the catalog's table `thing_id_lists` has a list " + std::to_string(list));
    }
    counts_[list] = counts.Int(1);
  }
  ARROW_ASSIGN_OR_RAISE(Statement things,
                        sql_->Query("SELECT id, number FROM things WHERE number >"
                                    " (SELECT value FROM meta WHERE name = 'things_listed')"));
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, things.Step());
    if (!row) return Status::OK();
    Added(things.Text(0), things.Int(1));
  }
}

void IdIndex::Added(std::string_view id, int64_t number) {
  recent_.emplace(HashOf(id), number);
  last_number_ = std::max(last_number_, number);
}

Result<std::vector<int64_t>> IdIndex::Find(std::string_view id) const {
  const uint64_t hash = HashOf(id);
  std::vector<int64_t> numbers;
  const auto [begin, end] = recent_.equal_range(hash);
  for (auto found = begin; found != end; ++found) numbers.push_back(found->second);
  for (size_t list = 0; list < kLists; ++list) {
    if (counts_[list] == 0) continue;
    ARROW_ASSIGN_OR_RAISE(Statement piece,
                          sql_->Query("SELECT entries FROM thing_ids WHERE key <= ?1 AND key >= ?2"
                                      " ORDER BY key DESC LIMIT 1",
                                      KeyOf(list, hash), KeyOf(list, 0)));
    ARROW_ASSIGN_OR_RAISE(const bool row, piece.Step());
    if (!row) continue;
    ARROW_ASSIGN_OR_RAISE(const auto entries, Decode(piece.Text(0)));
    auto found = std::lower_bound(entries.begin(), entries.end(), IdEntry{hash, 0});
    for (; found != entries.end() && found->hash == hash; ++found) {
      numbers.push_back(found->number);
    }
  }
  return numbers;
}

bool IdIndex::IsDue() const {
  if (recent_.size() >= limits_.recent_max) return true;
  for (size_t list = 0; list + 1 < kLists; ++list) {
    if (counts_[list] > limits_.list_max[list]) return true;
  }
  return false;
}

Status IdIndex::Move() {
  if (recent_.size() >= limits_.recent_max) return MoveRecent();
  for (size_t list = 0; list + 1 < kLists; ++list) {
    if (counts_[list] > limits_.list_max[list]) return MoveSlice(list);
  }
  return Status::OK();
}

Status IdIndex::MoveRecent() {
  std::vector<IdEntry> entries;
  entries.reserve(recent_.size());
  for (const auto& [hash, number] : recent_) entries.push_back({hash, number});
  std::sort(entries.begin(), entries.end());
  Counts counts = counts_;
  counts[0] += static_cast<int64_t>(entries.size());
  ARROW_RETURN_NOT_OK(sql_->Transact([&]() -> Status {
    ARROW_RETURN_NOT_OK(MergeInto(0, entries));
    ARROW_RETURN_NOT_OK(
        sql_->Run("UPDATE meta SET value = ?1 WHERE name = 'things_listed'", last_number_));
    return KeepCounts(counts);
  }));
  counts_ = counts;
  recent_.clear();
  return Status::OK();
}

Status IdIndex::MoveSlice(size_t list) {
  // Where the next list is much larger, a slice has many of its pieces between its entries.
  const double share = static_cast<double>(counts_[list]) /
                       static_cast<double>(std::max<int64_t>(counts_[list + 1], 1));
  const auto entries_max = std::clamp<size_t>(
      static_cast<size_t>(static_cast<double>(limits_.rewritten_max) * std::min(share, 1.0)),
      limits_.piece_max, limits_.slice_max);
  Counts counts = counts_;
  uint64_t next = 0;
  ARROW_RETURN_NOT_OK(sql_->Transact([&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(auto entries, Take(list, next_slice_[list], kHashMax, entries_max));
    if (entries.empty()) {
      ARROW_ASSIGN_OR_RAISE(entries, Take(list, 0, kHashMax, entries_max));
    }
    if (entries.empty()) {
      return Error(Code::kDataLoss, Reason::kNone,
                   "the catalog's table `thing_ids` has nothing of list " + std::to_string(list) +
                       ", which has " + std::to_string(counts_[list]) + " entries");
    }
    next = std::min(entries.back().hash + 1, kHashMax);
    counts[list] -= static_cast<int64_t>(entries.size());
    counts[list + 1] += static_cast<int64_t>(entries.size());
    ARROW_RETURN_NOT_OK(MergeInto(list + 1, entries));
    return KeepCounts(counts);
  }));
  counts_ = counts;
  next_slice_[list] = next;
  return Status::OK();
}

Result<std::vector<IdEntry>> IdIndex::Take(size_t list, uint64_t from, uint64_t to,
                                           size_t entries_max) {
  std::vector<IdEntry> entries;
  int64_t last = 0;
  {
    ARROW_ASSIGN_OR_RAISE(
        Statement pieces,
        sql_->Query("SELECT key, entries FROM thing_ids WHERE key >= ?1 AND key <= ?2 ORDER BY key",
                    KeyOf(list, from), KeyOf(list, to)));
    while (entries.size() < entries_max) {
      ARROW_ASSIGN_OR_RAISE(const bool row, pieces.Step());
      if (!row) break;
      last = pieces.Int(0);
      ARROW_ASSIGN_OR_RAISE(const auto piece, Decode(pieces.Text(1)));
      entries.insert(entries.end(), piece.begin(), piece.end());
    }
  }
  if (entries.empty()) return entries;
  ARROW_RETURN_NOT_OK(
      sql_->Run("DELETE FROM thing_ids WHERE key >= ?1 AND key <= ?2", KeyOf(list, from), last));
  return entries;
}

Status IdIndex::MergeInto(size_t list, const std::vector<IdEntry>& entries) {
  // The first of its pieces that they belong to begins before them, if there is one.
  uint64_t from = entries.front().hash;
  {
    ARROW_ASSIGN_OR_RAISE(Statement before,
                          sql_->Query("SELECT key FROM thing_ids WHERE key <= ?1 AND key >= ?2"
                                      " ORDER BY key DESC LIMIT 1",
                                      KeyOf(list, from), KeyOf(list, 0)));
    ARROW_ASSIGN_OR_RAISE(const bool row, before.Step());
    if (row) from = static_cast<uint64_t>(before.Int(0)) & kHashMax;
  }
  ARROW_ASSIGN_OR_RAISE(const auto there, Take(list, from, entries.back().hash, SIZE_MAX));
  std::vector<IdEntry> merged(there.size() + entries.size());
  std::merge(there.begin(), there.end(), entries.begin(), entries.end(), merged.begin());
  return Write(list, merged);
}

Status IdIndex::Write(size_t list, const std::vector<IdEntry>& entries) {
  const size_t pieces = (entries.size() + limits_.piece_max - 1) / limits_.piece_max;
  const IdEntry* const all = entries.data();
  size_t begin = 0;
  for (size_t i = 1; i <= pieces; ++i) {
    size_t end = entries.size() * i / pieces;
    // Those of one hash stay together.
    while (end < entries.size() && end > 0 && all[end].hash == all[end - 1].hash) ++end;
    if (end <= begin) continue;
    ARROW_RETURN_NOT_OK(sql_->Run("INSERT INTO thing_ids (key, entries) VALUES (?1, ?2)",
                                  KeyOf(list, all[begin].hash),
                                  Blob{Encode(all + begin, all + end)}));
    begin = end;
  }
  return Status::OK();
}

Status IdIndex::KeepCounts(const Counts& counts) {
  for (size_t list = 0; list < kLists; ++list) {
    if (counts[list] == counts_[list]) continue;
    ARROW_RETURN_NOT_OK(
        sql_->Run("INSERT INTO thing_id_lists (list, entries) VALUES (?1, ?2)"
                  " ON CONFLICT (list) DO UPDATE SET entries = excluded.entries",
                  static_cast<int64_t>(list), counts[list]));
  }
  return Status::OK();
}

}  // namespace firth::catalog
