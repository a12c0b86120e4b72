// Parquet files.
#pragma once

#include "firth/format/conform.h"
#include "firth/format/source.h"

namespace firth::format {

/// Read a Parquet file, row group by row group; only the columns asked for are read.
Result<std::unique_ptr<FileReader>> OpenParquet(Source source, const ReadOptions& options);

/// Write a Parquet file with zstd, that also carries the Arrow schema.
Result<std::unique_ptr<FileWriter>> MakeParquetWriter(std::shared_ptr<arrow::io::OutputStream> sink,
                                                      const std::shared_ptr<arrow::Schema>& schema);

}  // namespace firth::format
