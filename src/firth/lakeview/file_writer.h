// Writes one lake file: Parquet with zstd, dictionaries, statistics, a page index, page checksums
// and bloom filters.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/lakeview/lake_file.h"
#include "firth/store/file_system.h"

namespace firth::lakeview {

/// One thread at a time. A file that was not finished is removed by the destructor, if it can be.
class LakeFileWriter {
 public:
  /// Begin `path`, which does not exist. `schema` is a stored one (stored_types.h). `looked_up`:
  /// columns that get a bloom filter in each row group, where their type can have one.
  static Result<std::unique_ptr<LakeFileWriter>> Make(store::FileSystem* files, std::string path,
                                                      const std::shared_ptr<arrow::Schema>& schema,
                                                      const std::vector<std::string>& looked_up);
  virtual ~LakeFileWriter() = default;

  /// Add rows in the order that they are to have.
  virtual Status Write(const arrow::RecordBatch& rows) = 0;
  /// Note the key of a row, in order: of the first, of the last, and of those that begin a row
  /// group.
  virtual void AddKey(std::string_view key, bool begins_group) = 0;
  /// Finish and make the bytes durable; the name is so after the folder's sync. Gives what the rows
  /// and bytes say; the rest of the info is the caller's to fill in.
  virtual Result<LakeFileInfo> Finish() = 0;
  virtual int64_t rows() const = 0;
};

}  // namespace firth::lakeview
