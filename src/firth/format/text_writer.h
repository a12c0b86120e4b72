// Writers of text.
#pragma once

#include "firth/format/reader.h"

namespace firth::format {

/// Write JSON lines, or rows of the CSV family behind a line of names. A null is `null`, or
/// nothing; a value is put in quotes where it would otherwise be read as something else.
Result<std::unique_ptr<FileWriter>> MakeTextWriter(FileFormat format,
                                                   std::shared_ptr<arrow::io::OutputStream> sink,
                                                   const std::shared_ptr<arrow::Schema>& schema);

}  // namespace firth::format
