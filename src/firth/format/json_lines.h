// JSON lines, and other streams of JSON objects.
#pragma once

#include "firth/format/conform.h"
#include "firth/format/source.h"

namespace firth::format {

/// Read objects, one a row: one a line, one after another, or the items of one array. Without a
/// schema the types are inferred from the first kSampleBytes, and a later value that does not fit,
/// as well as a member that had not appeared by then, is an error that names its line. With a
/// schema, members that it does not have are passed over.
Result<std::unique_ptr<FileReader>> OpenJsonLines(Source source, const ReadOptions& options);

/// How much of a text file is read to find out its columns' types.
inline constexpr int64_t kSampleBytes = 4 << 20;

}  // namespace firth::format
