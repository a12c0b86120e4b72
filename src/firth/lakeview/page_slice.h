// Some pages of a Parquet file as a small Parquet file of their own: readers know only whole row
// groups, of which a look-up needs few rows.
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <parquet/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "firth/common/status.h"
#include "firth/lakeview/lake_file.h"

namespace parquet {
class ParquetFileReader;
namespace arrow {
class FileReader;
}
}  // namespace parquet

namespace firth::lakeview {

/// Rows [begin, end) of a row group.
struct RowSpan {
  int group = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

/// The column that sorts a file first.
struct SortLeaf {
  int leaf = 0;
  std::shared_ptr<arrow::DataType> stored;  // its type in the file, and in the table
  std::shared_ptr<arrow::DataType> type;
};

/// The rows of `groups` whose pages may have keys in `keys`, by the index of pages; ascending.
/// Nothing where that index does not tell. Throws what Parquet throws.
Result<std::optional<std::vector<RowSpan>>> SpansOf(parquet::ParquetFileReader* file,
                                                    const std::vector<int>& groups,
                                                    const SortLeaf& by, const KeySpans& keys);

/// A Parquet file; without a footer, it is read.
struct ParquetBytes {
  std::shared_ptr<arrow::io::RandomAccessFile> source;
  std::shared_ptr<parquet::FileMetaData> footer;
};

/// Throws what Parquet throws.
Result<std::unique_ptr<parquet::arrow::FileReader>> OpenParquet(const ParquetBytes& file,
                                                                int64_t batch_rows);

/// Rows of columns of a file, of which only the pages are read that have any of them.
struct PageRequest {
  std::shared_ptr<arrow::io::RandomAccessFile> source;
  std::vector<int> columns;  // of the file's Arrow schema, ascending
  std::vector<RowSpan> spans;
  int64_t batch_rows = 0;
};

/// `file` is read from the request's source. Null where pages are not indexed. This, and the
/// reader, throw what Parquet throws.
Result<std::unique_ptr<arrow::RecordBatchReader>> ReadPages(parquet::arrow::FileReader* file,
                                                            PageRequest request);

}  // namespace firth::lakeview
