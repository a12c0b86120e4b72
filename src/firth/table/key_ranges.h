// A filter over columns as ranges of keys.
#pragma once

#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/schema/row_filter.h"
#include "firth/table/lake.h"

namespace firth::table {

/// Ranges of keys (of the columns that sort the edition) that hold every row which meets the
/// filter, ascending and apart; none: no row does. They go as far as the filter says something of
/// the first columns of the key: points of all but the last one of those. Of very many points they
/// are the hull.
Result<std::vector<KeyRange>> KeyRangesOf(const catalog::EditionInfo& edition,
                                          const schema::RowFilter& filter);

/// Ascending ranges that do not touch, which hold what these hold.
std::vector<KeyRange> Disjoint(std::vector<KeyRange> ranges);

}  // namespace firth::table
