// RocksDB's merging threads take less of the processors than requests do.
#pragma once

#include <rocksdb/listener.h>

#include <memory>

namespace firth::keyview {

/// Lowers their priority.
std::shared_ptr<rocksdb::EventListener> MakePriorityListener();

}  // namespace firth::keyview
