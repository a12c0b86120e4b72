// Makes files of a log's rows: sorted runs, each of what fits in memory.
#pragma once

#include <arrow/record_batch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/lakeview/file_writer.h"
#include "firth/lakeview/lake_file.h"
#include "firth/lakeview/row_order.h"
#include "firth/lakeview/stored_types.h"

namespace firth::lakeview {

/// Where new files of an edition go.
struct FilePlace {
  store::FileSystem* files = nullptr;
  std::string folder;                            // it exists
  int64_t snapshot = 0;                          // that they will be part of
  std::function<Result<int64_t>()> next_number;  // durable: never given twice
};

/// Rows of the edition's newest schema followed by the hidden columns, in no order: one file of
/// them, sorted. Its range of offsets is that of its rows. The file is doomed until somebody says
/// otherwise.
class RunWriter {
 public:
  static Result<std::unique_ptr<RunWriter>> Make(const catalog::EditionInfo& edition,
                                                 const FilePlace& place);

  /// Take rows up. Where nothing sorts them, they come in the order of their offsets.
  Status Add(std::shared_ptr<arrow::RecordBatch> rows);
  int64_t rows() const { return rows_; }
  uint64_t bytes() const { return bytes_; }
  /// Make a file of the rows that were added since the last one, of which there are some.
  Result<LakeFilePtr> WriteFile(LogId log, int level);

 private:
  RunWriter(const FilePlace& place, SchemaId schema_id, std::shared_ptr<arrow::Schema> schema,
            RowOrder order, std::vector<std::string> looked_up)
      : place_(place),
        schema_id_(schema_id),
        schema_(std::move(schema)),
        order_(std::move(order)),
        looked_up_(std::move(looked_up)) {}

  Status WriteSorted(const std::shared_ptr<arrow::Schema>& stored, LakeFileWriter* writer);

  const FilePlace place_;
  const SchemaId schema_id_;
  const std::shared_ptr<arrow::Schema> schema_;  // the edition's newest
  const RowOrder order_;
  const std::vector<std::string> looked_up_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  int64_t rows_ = 0;
  uint64_t bytes_ = 0;
  FieldIds far_times_;  // of those rows
};

/// Finish a file: its info, and a doomed LakeFile that is known to be sound.
struct FinishedFile {
  int64_t number = 0;
  LogId log;
  SchemaId schema_id;
  int level = 0;
  FieldIds far_times;
};
Result<LakeFilePtr> FinishFile(const FilePlace& place, LakeFileWriter* writer, FinishedFile file);

}  // namespace firth::lakeview
