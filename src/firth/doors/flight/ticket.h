// A ticket to read a table: JSON text, made by a client or by GetFlightInfo.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/path.h"
#include "firth/common/status.h"
#include "firth/doors/flight/filter.h"

namespace firth::doors::flight {

/// {"path": "a/b", "columns": […], "partition": […], "bucket": 0, "from": 0, "to": 0, "as_of": 0,
///  "filter": […], "follow": false, "hidden": false, "current": false, "limit": 0, "keys": [[…]…],
///  "prefix": […], "key_from": […], "key_to": […], "backwards": false}; all but the path may be
///  absent.
struct Ticket {
  Path path;
  std::vector<std::string> columns;                   // none: all
  std::optional<std::vector<std::string>> partition;  // its values
  std::optional<int32_t> bucket;
  /// The offset to begin at, in every bucket that is read; below 0: so many before the end.
  /// "earliest" is absent, "latest" is the end: `from_end` with 0.
  std::optional<int64_t> from;
  bool from_end = false;
  std::optional<int64_t> to;  // offset, exclusive
  CommitId as_of = catalog::kNow;
  Filter filter;
  bool follow = false;
  bool hidden = false;
  bool current = false;          // the current row of each key, not the log's changes
  std::optional<int64_t> limit;  // rows in all
  // Of current rows; values of the first key columns, as text.
  std::optional<std::vector<std::vector<std::string>>> keys;  // these only, each of all key columns
  std::vector<std::string> prefix;                            // keys that begin so
  std::vector<std::string> key_from;                          // from here on
  std::vector<std::string> key_to;                            // before this
  bool backwards = false;
};

/// Parse a ticket. Errors: kInvalidArgument, kInvalidName.
Result<Ticket> ParseTicket(std::string_view json);
/// The ticket that reads the whole table at `path`.
std::string TicketOf(const Path& path);

}  // namespace firth::doors::flight
