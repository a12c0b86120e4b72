// Arrow's own files and streams.
#pragma once

#include "firth/format/conform.h"
#include "firth/format/source.h"

namespace firth::format {

/// Read an Arrow file (also known as Feather, version 2) or stream. A packed file is read as the
/// stream that it contains. Batches are validated in full.
Result<std::unique_ptr<FileReader>> OpenArrow(Source source, const ReadOptions& options);

/// Write an Arrow file or stream, its bodies packed with zstd.
Result<std::unique_ptr<FileWriter>> MakeArrowWriter(FileFormat format,
                                                    std::shared_ptr<arrow::io::OutputStream> sink,
                                                    const std::shared_ptr<arrow::Schema>& schema);

}  // namespace firth::format
