#include "firth/format/reader.h"

#include <arrow/compute/initialize.h>
#include <arrow/io/file.h>

#include <utility>

#include "firth/format/arrow_ipc.h"
#include "firth/format/avro_file.h"
#include "firth/format/csv.h"
#include "firth/format/json_lines.h"
#include "firth/format/orc_file.h"
#include "firth/format/parquet_file.h"
#include "firth/format/source.h"
#include "firth/format/text_writer.h"

namespace firth::format {
namespace {

Result<std::unique_ptr<FileReader>> Open(Source source, const ReadOptions& options) {
  switch (source.format) {
    case FileFormat::kParquet:
      return OpenParquet(std::move(source), options);
    case FileFormat::kCsv:
    case FileFormat::kTsv:
    case FileFormat::kPsv:
      return OpenCsv(std::move(source), options);
    case FileFormat::kJsonLines:
      return OpenJsonLines(std::move(source), options);
    case FileFormat::kArrowFile:
    case FileFormat::kArrowStream:
      return OpenArrow(std::move(source), options);
    case FileFormat::kOrc:
      return OpenOrc(std::move(source), options);
    case FileFormat::kAvro:
      return OpenAvro(std::move(source), options);
  }
  return Error(Code::kInternal, Reason::kNone, "no such format");
}

}  // namespace

Result<std::unique_ptr<FileReader>> OpenInput(std::shared_ptr<arrow::io::RandomAccessFile> input,
                                              const std::string& name, const ReadOptions& options) {
  ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
  ARROW_ASSIGN_OR_RAISE(Source source, OpenSource(std::move(input), name, options.format));
  const std::string full_name = source.name;
  auto reader = Open(std::move(source), options);
  return reader.ok() ? std::move(reader) : Named(reader.status(), full_name);
}

Result<std::unique_ptr<FileReader>> OpenFile(const std::string& path, const ReadOptions& options) {
  auto file = arrow::io::ReadableFile::Open(path);
  if (!file.ok()) {
    return Error(Code::kNotFound, Reason::kFileMissing, MessageOf(file.status()));
  }
  return OpenInput(std::move(*file), path, options);
}

Result<std::unique_ptr<FileWriter>> MakeWriter(FileFormat format,
                                               std::shared_ptr<arrow::io::OutputStream> sink,
                                               const std::shared_ptr<arrow::Schema>& schema) {
  switch (format) {
    case FileFormat::kParquet:
      return MakeParquetWriter(std::move(sink), schema);
    case FileFormat::kArrowFile:
    case FileFormat::kArrowStream:
      return MakeArrowWriter(format, std::move(sink), schema);
    case FileFormat::kCsv:
    case FileFormat::kTsv:
    case FileFormat::kPsv:
    case FileFormat::kJsonLines:
      return MakeTextWriter(format, std::move(sink), schema);
    case FileFormat::kOrc:
    case FileFormat::kAvro:
      return Error(Code::kUnimplemented, Reason::kNone,
                   "ORC and Avro files are read, not written: write Parquet");
  }
  return Error(Code::kInternal, Reason::kNone, "no such format");
}

}  // namespace firth::format
