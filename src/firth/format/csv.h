// Comma-separated values, and the same with tabs or bars.
#pragma once

#include "firth/format/conform.h"
#include "firth/format/source.h"

namespace firth::format {

/// What stands between two values.
char DelimiterOf(FileFormat format);

/// Read rows of text (RFC 4180: quotes, doubled quotes inside, line ends inside quotes). Without a
/// schema the types are inferred from the first kSampleBytes, and a later value that does not fit
/// is an error that names its line; a column of nothing but nulls is text. Without a header line
/// the columns are those of the schema in order, else f0, f1, …
Result<std::unique_ptr<FileReader>> OpenCsv(Source source, const ReadOptions& options);

}  // namespace firth::format
