// Reads lake files as rows of a table.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/lakeview/lake_file.h"
#include "firth/lakeview/page_slice.h"
#include "firth/store/file_system.h"

namespace firth::lakeview {

struct ReadLakeFile {
  /// The table's schema when the file was written, with field ids.
  std::shared_ptr<arrow::Schema> written;
  /// Columns of the newest schema, with field ids, and hidden ones by their names.
  std::shared_ptr<arrow::Schema> wanted;
  int64_t batch_rows = 8192;
  std::optional<std::vector<int>> groups;  // only these row groups
  /// If there are any: of those groups only pages that may have rows with these keys, and perhaps
  /// more. `sorted_by` is the column of the newest schema that sorts the file first.
  KeySpans keys;
  std::shared_ptr<arrow::Field> sorted_by;
};

/// The rows of a file that was verified, batch by batch, in its order, in bounded memory; the file
/// is held. A hidden column has the type that it is stored in.
Result<std::shared_ptr<arrow::RecordBatchReader>> OpenLakeFile(store::FileSystem* files,
                                                               LakeFilePtr file,
                                                               const ReadLakeFile& read);

}  // namespace firth::lakeview
