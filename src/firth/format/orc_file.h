// Reading ORC files.
#pragma once

#include <memory>

#include "firth/format/reader.h"
#include "firth/format/source.h"

namespace firth::format {

Result<std::unique_ptr<FileReader>> OpenOrc(Source source, const ReadOptions& options);

}  // namespace firth::format
