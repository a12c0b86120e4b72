// Reading ORC files, in a process of their own: the library for them ends the process that it runs
// in when a file was made to harm, so that must not be the server's.
#pragma once

#include <memory>

#include "firth/format/reader.h"
#include "firth/format/source.h"

namespace firth::format {

/// Open `source` in a child (orc_reader.h). Errors: kInvalidArgument also when the child died over
/// the file or took more than its memory (1 GiB) or its processor time.
Result<std::unique_ptr<FileReader>> OpenOrc(Source source, const ReadOptions& options);

}  // namespace firth::format
