// Makes one file of several, so that small ones never pile up.
#pragma once

#include <cstdint>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/lakeview/cut.h"
#include "firth/lakeview/lake_file.h"

namespace firth::lakeview {

struct MergeLimits {
  int files = 8;
  int64_t rows_max = 0;
  uint64_t bytes_max = 0;
};

/// The files to merge next, by their offsets: adjacent ones of one log and level, `files` of them;
/// empty when there are none. `all` is by log, then by offset. So a log of n cuts has at most
/// `files` * log(n) small files.
std::vector<LakeFilePtr> FilesToMerge(const std::vector<LakeFilePtr>& all,
                                      const MergeLimits& limits);

/// A doomed file, of the next level, with the rows of `files`, which were verified. Streams.
Result<LakeFilePtr> MergeFiles(const catalog::EditionInfo& edition, const FilePlace& place,
                               const std::vector<LakeFilePtr>& files);

/// The newest schema of an edition and the hidden columns, as merged rows have them.
std::shared_ptr<arrow::Schema> WithHidden(const arrow::Schema& newest);

}  // namespace firth::lakeview
