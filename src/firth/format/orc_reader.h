// The two ends of reading an ORC file in a process of its own.
#pragma once

#include <arrow/io/interfaces.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "firth/common/status.h"

namespace firth::format {

/// What main does first in a program that reads ORC files: from here on such files are read by
/// children that run this very program. If it is such a child, it reads the file that the parent
/// has, sends its rows, and exits here. In programs that do not call it there are no children, and
/// StartOrcReader refuses.
void BeOrcReaderIfAsked(int argc, char** argv);

/// The parent: the rows of a file as a stream in Arrow's format, from a child that ends with the
/// stream. Each read answers what the child asks of the file, on the thread that reads.
struct OrcRows {
  std::shared_ptr<arrow::io::InputStream> stream;
  std::function<double()> progress;  // 0 to 1, by how far the child has come in the file
};
Result<OrcRows> StartOrcReader(std::shared_ptr<arrow::io::RandomAccessFile> file,
                               int64_t batch_rows);

}  // namespace firth::format
