// RocksDB's errors as ours.
#pragma once

#include <rocksdb/status.h>

#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::keyview {

/// `action` completes "the key view in <folder> cannot …". RocksDB's own text names the file.
Status FromRocks(const rocksdb::Status& status, std::string_view action, const std::string& folder);

/// Does this answer of an open say that the files are of no use, and not that they could not be
/// reached?
bool MeansDamaged(const rocksdb::Status& status);

}  // namespace firth::keyview
