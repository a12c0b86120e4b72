// Work in the background takes less of the processors than requests do, as long as there are some.
#pragma once

#include <rocksdb/listener.h>

#include <memory>

namespace firth::keyview {

/// For the rest of the calling thread's life.
void LowerThreadPriority();

/// Has RocksDB's merging threads do so.
std::shared_ptr<rocksdb::EventListener> MakePriorityListener();

}  // namespace firth::keyview
