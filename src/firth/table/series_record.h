// The facts of a series that are not in its place (series_place.h), as the catalog has them: bytes.
#pragma once

#include <string>
#include <string_view>

#include "firth/common/status.h"
#include "firth/table/series.h"

namespace firth::table {

/// Its annotations and its property version.
std::string EncodeRecord(const SeriesInfo& info);
/// Fill them in. Error kDataLoss.
Status DecodeRecord(std::string_view bytes, SeriesInfo* info);

}  // namespace firth::table
