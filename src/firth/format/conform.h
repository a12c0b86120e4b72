// What every reader has in common: the columns that were asked for, in their types, in batches of
// the size that was asked for.
#pragma once

#include <arrow/record_batch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/format/reader.h"

namespace firth::format {

/// The plain twin of a type that a table cannot hold: dictionaries and runs become their values,
/// views become offsets, half floats become floats; at any depth.
std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type);

/// What is asked of a file with the columns `found` (name and type).
struct Wanted {
  /// What the reader shows.
  std::shared_ptr<arrow::Schema> schema;
  /// For each of its columns the column of the file, or -1: it is null in every row.
  std::vector<int> sources;
};

/// Which columns of `found` to read and as what. Without a schema in `options` they are the file's
/// own in plain types. Errors: kColumnNotFound for a column asked for that nobody has;
/// kSchemaMismatch for a schema of which the file has no column, or lacks one that must not be
/// null; kInvalidSchema for two columns of one name.
Result<Wanted> Choose(const arrow::Schema& found, const ReadOptions& options);

/// Read `batches`, whose columns are those that `wanted` takes from the file, in the order of its
/// schema, or, with `all_columns`, all of the file's own.
struct ConformedInput {
  std::string name;
  Wanted wanted;
  std::shared_ptr<arrow::RecordBatchReader> batches;
  std::function<double()> progress;
  int64_t batch_rows = 0;
  /// Binary formats can carry arrays that are not valid; text cannot.
  bool validate = false;
  bool all_columns = false;
};
std::unique_ptr<FileReader> Conform(ConformedInput input);

/// `status` with the file's name in front.
Status Named(const Status& status, const std::string& name);

}  // namespace firth::format
