// The bytes of a file, unpacked.
#pragma once

#include <arrow/io/interfaces.h>

#include <functional>
#include <memory>
#include <string>

#include "firth/common/status.h"
#include "firth/format/name.h"
#include "firth/format/reader.h"

namespace firth::format {

/// Bytes from front to back, or from anywhere: one of the two pointers is set.
struct Source {
  std::string name;  // for errors; that of a zip's member stands behind that of the zip
  FileFormat format = FileFormat::kParquet;
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  std::shared_ptr<arrow::io::InputStream> stream;
  std::function<double()> progress;

  /// As a stream from the beginning; call it once.
  Result<std::shared_ptr<arrow::io::InputStream>> AsStream();
  /// As a file; a stream is read into memory, up to 256 MiB. Error kOverBudget.
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> AsFile();
};

/// Unpack `input` as `name` says; `format` overrides what the name tells.
Result<Source> OpenSource(std::shared_ptr<arrow::io::RandomAccessFile> input,
                          const std::string& name, std::optional<FileFormat> format);

}  // namespace firth::format
