// What a Parquet file says of itself, without reading its rows.
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "firth/common/status.h"

namespace firth::format {

struct ParquetFooter {
  struct Column {
    std::optional<int64_t> nulls;  // nothing where the file does not say
    /// Exact, of the column's own type; null where the file does not say, and for floats, which may
    /// hide NaN. Both are null for a column of nulls.
    std::shared_ptr<arrow::Scalar> least;
    std::shared_ptr<arrow::Scalar> greatest;
  };
  struct Group {
    int64_t rows = 0;
    int64_t bytes = 0;            // uncompressed
    std::vector<Column> columns;  // of the schema, in its order; nested ones say nothing
  };
  std::shared_ptr<arrow::Schema> schema;
  int64_t rows = 0;
  std::vector<Group> groups;
};

/// Read and check a file's footer: counts agree, and every column's bytes lie in the file. Hostile
/// bytes. Error kInvalidArgument.
Result<ParquetFooter> ReadParquetFooter(std::shared_ptr<arrow::io::RandomAccessFile> input);

}  // namespace firth::format
