// Reading Avro's object container files. A record at the top is a row; unions of null and one type
// are columns that may be null; enums are text; other unions, and types within themselves, are
// refused.
#pragma once

#include <memory>

#include "firth/format/reader.h"
#include "firth/format/source.h"

namespace firth::format {

Result<std::unique_ptr<FileReader>> OpenAvro(Source source, const ReadOptions& options);

}  // namespace firth::format
