// Which number a thing has whose id is known. Ids come in any order, so a tree of them would be
// changed in another page for each. Instead the ids that came last are in memory (a start reads
// them again from the things themselves), and the others in sorted lists, each many times as large
// as the one above it: what is in memory is merged into the first list at once, and from a list
// that has become too large a slice is merged into the next. A list is cut in pieces, a row each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "firth/catalog/sql.h"
#include "firth/common/status.h"

namespace firth::catalog {

/// An id by its hash, of which two may be the same.
struct IdEntry {
  uint64_t hash = 0;
  int64_t number = 0;

  auto operator<=>(const IdEntry&) const = default;
};

/// How many ids there are where; tests have fewer.
struct IdIndexLimits {
  static constexpr size_t kLists = 3;

  size_t recent_max = 32'768;
  /// Of each list but the last.
  std::array<int64_t, kLists - 1> list_max = {262'144, 4'194'304};
  /// What one transaction takes from a list, and about what it rewrites of the next.
  size_t slice_max = 16'384;
  size_t rewritten_max = 262'144;
  /// So many are a piece, which fills a page.
  size_t piece_max = 250;
};

/// The owner has a mutex.
class IdIndex {
 public:
  IdIndex(Connection* sql, const IdIndexLimits& limits) : sql_(sql), limits_(limits) {}

  /// Read what is not in the lists.
  Status Open();
  /// The numbers that a thing with this id can have, for others may have an id of the same hash.
  Result<std::vector<int64_t>> Find(std::string_view id) const;
  /// A thing was added, durably.
  void Added(std::string_view id, int64_t number);

  /// Is anything to be moved to where there is more room?
  bool IsDue() const;
  /// Move some of it, in a transaction of its own. Its time and what it writes are bounded.
  Status Move();

 private:
  /// What a step makes of the lists, seen when it is durable.
  using Counts = std::array<int64_t, IdIndexLimits::kLists>;

  Status MoveRecent();
  Status MoveSlice(size_t list);
  /// Take all pieces of a list that begin in [from, to], until they have `entries_max` entries.
  Result<std::vector<IdEntry>> Take(size_t list, uint64_t from, uint64_t to, size_t entries_max);
  /// Merge sorted entries into a list.
  Status MergeInto(size_t list, const std::vector<IdEntry>& entries);
  Status Write(size_t list, const std::vector<IdEntry>& entries);
  Status KeepCounts(const Counts& counts);

  Connection* const sql_;
  const IdIndexLimits limits_;
  std::unordered_multimap<uint64_t, int64_t> recent_;
  int64_t last_number_ = 0;  // of what was added
  Counts counts_{};
  std::array<uint64_t, IdIndexLimits::kLists> next_slice_{};  // the hash where it begins
};

}  // namespace firth::catalog
