// Readers and writers of files of rows.
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/status.h"

namespace firth::format {

enum class FileFormat {
  kParquet,
  kCsv,
  kTsv,
  kPsv,
  kJsonLines,
  kArrowFile,
  kArrowStream,
  kOrc,
  kAvro
};

/// The format that a file's name tells: `.parquet`, `.csv`, `.tsv`, `.psv`, `.json`, `.jsonl`,
/// `.ndjson`, `.feather`, `.arrow`, `.ipc`, `.arrows`, `.orc`, `.avro`, each also with `.gz` or
/// `.zst` behind it, and `.zip` around one member. Case does not matter. Error kInvalidArgument
/// lists what is known.
Result<FileFormat> FormatOfName(const std::string& name);

struct ReadOptions {
  std::optional<FileFormat> format;       // default: by the name
  std::shared_ptr<arrow::Schema> schema;  // columns by name, cast to these types; default: inferred
  std::vector<std::string> columns;       // only these; default: all
  int64_t batch_rows = 64 * 1024;
  bool header = true;  // CSV family: the first line names the columns
  std::vector<std::string> null_values = {"", "NA", "NULL", "null"};  // CSV family
};

/// A file that is read batch by batch, in bounded memory.
class FileReader {
 public:
  virtual ~FileReader() = default;
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// The next batch, or null at the end. Errors name the file and, for text, the line.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
  /// How far the input has been read, 0 to 1; for progress.
  virtual double Progress() const = 0;
};

/// Open a local file of the operator's own (a path as the command line gives it).
Result<std::unique_ptr<FileReader>> OpenFile(const std::string& path, const ReadOptions& options);
/// Open bytes from anywhere; `name` tells the format and stands in errors.
Result<std::unique_ptr<FileReader>> OpenInput(std::shared_ptr<arrow::io::RandomAccessFile> input,
                                              const std::string& name, const ReadOptions& options);

/// A file that is written batch by batch.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  virtual Status Write(const arrow::RecordBatch& batch) = 0;
  virtual Status Close() = 0;
};

/// Write `format` to `sink`: Parquet with zstd, text with a header line, Arrow files with zstd. ORC
/// and Avro are only read: kUnimplemented.
Result<std::unique_ptr<FileWriter>> MakeWriter(FileFormat format,
                                               std::shared_ptr<arrow::io::OutputStream> sink,
                                               const std::shared_ptr<arrow::Schema>& schema);

}  // namespace firth::format
