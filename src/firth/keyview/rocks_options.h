// How RocksDB is set up for the key view.
#pragma once

#include <rocksdb/options.h>

#include "firth/keyview/key_view.h"

namespace firth::keyview {

/// Files that flushes made are merged into the next level so many at a time: that level is written
/// again each time. A lookup outside of memory may have to ask the filter of each.
inline constexpr int kFlushedFilesMerged = 16;

/// Without `to_disk`, background work is not slowed down: RocksDB's files in memory cannot be.
rocksdb::Options MakeRocksOptions(const KeyViewOptions& options, rocksdb::Env* env, bool to_disk);

/// Reads verify the checksum of every block that they take from a file; RocksDB's default, named
/// here because the view's promise rests on it.
rocksdb::ReadOptions MakeReadOptions();
/// Writes leave the write-ahead log out: the table's log is the only one.
rocksdb::WriteOptions MakeWriteOptions();

}  // namespace firth::keyview
