// The one file in a zip archive.
#pragma once

#include <arrow/io/interfaces.h>

#include <functional>
#include <memory>
#include <string>

#include "firth/common/status.h"

namespace firth::format {

struct ZipMember {
  std::string name;
  std::shared_ptr<arrow::io::InputStream>
      stream;  // unpacked as it is read; its checksum is checked
  std::function<double()> progress;
};

/// Open the one member of the archive `archive`; folders, and what macOS adds, do not count.
/// Errors: kInvalidArgument for an archive with none or several, an encrypted or a damaged one.
Result<ZipMember> OpenZipMember(std::shared_ptr<arrow::io::RandomAccessFile> archive,
                                const std::string& name);

}  // namespace firth::format
