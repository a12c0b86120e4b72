// The disk as RocksDB uses it.
#pragma once

#include <rocksdb/env.h>

#include <memory>

namespace firth::keyview {

/// RocksDB's own environment, but the room of large files that it removes is given back step by
/// step (store::RoomReclaimer): a merge leaves some gigabytes behind at once. Thread-safe.
std::shared_ptr<rocksdb::Env> MakeDiskEnv();

}  // namespace firth::keyview
