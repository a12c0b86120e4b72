// Named values of the catalog about series: those that say which were obliterated when, and those
// in which an older version kept all facts (docs/formats/timeview.md).
#pragma once

#include <string>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/table/series.h"

namespace firth::table {

/// `seriesburnt/COMMIT/ID`: obliterated when that commit was the last.
std::string BurntName(const SeriesId& id, CommitId commit);
/// The names of those of `commit` and later ones: [begin, end).
struct BurntRange {
  std::string begin;
  std::string end;
};
BurntRange BurntSince(CommitId commit);
/// Error kDataLoss.
Result<SeriesId> IdOfBurnt(const std::string& name);

/// Move what an older version kept to where it is now, some at a time: if it fails, or the process
/// ends, the next call goes on. Errors: kDiskFull, kDataLoss.
Status TakeOverSeriesValues(catalog::Catalog* catalog);

}  // namespace firth::table
