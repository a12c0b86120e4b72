#include "firth/keyview/rocks_disk.h"

#include <fcntl.h>
#include <rocksdb/file_system.h>

#include <string>
#include <utility>

#include "firth/store/room_reclaimer.h"

namespace firth::keyview {
namespace {

class Disk : public rocksdb::FileSystemWrapper {
 public:
  Disk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "firth"; }

  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    store::Descriptor large = reclaimer_.OpenIfLarge(AT_FDCWD, path.c_str());
    rocksdb::IOStatus removed = target()->DeleteFile(path, options, debug);
    if (removed.ok() && large.valid()) reclaimer_.Take(std::move(large));
    return removed;
  }

 private:
  store::RoomReclaimer reclaimer_;
};

}  // namespace

std::shared_ptr<rocksdb::Env> MakeDiskEnv() {
  return rocksdb::NewCompositeEnv(std::make_shared<Disk>());
}

}  // namespace firth::keyview
