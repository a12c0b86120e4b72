// Which rows of a keyed edition's files are not current, as position deletes.
#pragma once

#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/lakeview/lake_file.h"
#include "firth/store/file_system.h"

namespace firth::lakeview {

/// A file of positions, sorted by file and place, as Iceberg has them.
struct MaskFile {
  std::string path;  // in the file system
  int64_t rows = 0;
  uint64_t bytes = 0;
};

/// Write the positions, in `files` (of one log, by offset, verified, of a keyed edition), of the
/// rows that are not current: all but the last effect of each key, and that too where it is a
/// deletion. The file is `path`, which does not exist, and calls each file by `root`/path. Its
/// bytes are durable, its name is after the folder's sync. Rows 0: every row is current, and there
/// is no file. Holds a bit for each row and a batch of each file.
Result<MaskFile> WriteMask(store::FileSystem* store, const catalog::EditionInfo& edition,
                           const std::vector<LakeFilePtr>& files, const std::string& root,
                           const std::string& path);

}  // namespace firth::lakeview
