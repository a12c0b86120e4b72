// Strong types for numbers that must not be swapped.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace firth {

/// An integer that is only comparable with its own kind. `value` is the number as it is stored.
template <typename Tag, typename Int>
struct StrongId {
  Int value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Int v) : value(v) {}
  constexpr auto operator<=>(const StrongId&) const = default;
};

/// A table, an edition of one, a partition of an edition. Never reused in a store.
using TableId = StrongId<struct TableIdTag, int64_t>;
using EditionId = StrongId<struct EditionIdTag, int64_t>;
using PartitionId = StrongId<struct PartitionIdTag, int64_t>;
/// A log of the store: that of bucket b of a partition is the partition's first log id + b.
using LogId = StrongId<struct LogIdTag, int64_t>;
/// A schema of an edition, from 1 on.
using SchemaId = StrongId<struct SchemaIdTag, int32_t>;
/// A position in a log, from 0 on; dense.
using Offset = StrongId<struct OffsetTag, int64_t>;
/// A commit, from 1 on; one rising sequence for the whole store. 0 is "before the first".
using CommitId = StrongId<struct CommitIdTag, int64_t>;
/// A producer that numbers its batches; -1 is none.
using WriterId = StrongId<struct WriterIdTag, int64_t>;
/// A user or a service; 0 is the anonymous caller.
using PrincipalId = StrongId<struct PrincipalIdTag, int64_t>;

inline constexpr WriterId kNoWriter{-1};

}  // namespace firth

template <typename Tag, typename Int>
struct std::hash<firth::StrongId<Tag, Int>> {
  size_t operator()(const firth::StrongId<Tag, Int>& id) const noexcept {
    return std::hash<Int>()(id.value);
  }
};
