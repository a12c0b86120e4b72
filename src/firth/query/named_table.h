// A table as a statement names it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace firth::query {

/// A past state that a statement asks for: `FROM t AT (VERSION => …)`, `AT (TIMESTAMP => …)`.
struct PastState {
  std::optional<int64_t> time_ns;   // what stood then
  std::optional<int64_t> version;   // a commit
  std::optional<int64_t> snapshot;  // a snapshot of the table's files, written 'snapshot N'

  auto operator<=>(const PastState&) const = default;
};

/// A table as a statement names it: one part, or a schema and a name, without quotes.
struct NamedTable {
  std::vector<std::string> name;
  std::optional<PastState> at;  // absent: now
};

}  // namespace firth::query
