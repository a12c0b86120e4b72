// The body of a file entry: which file a log's rows lie in, and how they are divided into batches.
// docs/formats/files.md shows the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firth/catalog/files.h"
#include "firth/common/bytes.h"
#include "firth/common/status.h"

namespace firth::table {

/// The boundaries are fixed when the entry is written: whoever reads the rows as batches gets the
/// same ones for ever.
struct FileEntry {
  catalog::FileId file;
  bool ordered = false;           // written to stand in a stated order among others of its kind
  std::vector<uint32_t> batches;  // rows of each, in order; none is 0
};

std::string EncodeFileEntry(const FileEntry& entry);
/// Error kDataLoss for bytes that EncodeFileEntry did not write.
Result<FileEntry> ParseFileEntry(Bytes body);

}  // namespace firth::table
