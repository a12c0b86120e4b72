// Objects: whole, immutable, named; what an S3-compatible service keeps, and a local twin.
#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/clock.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::store {

struct ObjectInfo {
  std::string key;
  uint64_t bytes = 0;
  int64_t modified_ns = 0;
};

/// A flat map from key to bytes. A put is durable on return, and visible at once to every reader;
/// so is a removal. A reader sees an object wholly as one put stored it. Keys are UTF-8 of 1 to
/// 1024 bytes; others give kInvalidArgument / kInvalidName. What is damaged gives kDataLoss /
/// kChecksumMismatch and names the object. Thread-safe; every call blocks on the disk or the
/// network.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Store an object, in place of one that is there; with `if_absent` an existing key gives
  /// kAborted / kConflict. On any other error the object may be the old or the new one.
  virtual Status Put(const std::string& key, Bytes bytes, bool if_absent = false) = 0;
  /// Read [position, position + bytes) of an object; nullopt reads to its end. Errors:
  /// kObjectNotFound; kOutOfRange for a range that does not lie within the object.
  virtual Result<std::shared_ptr<arrow::Buffer>> Get(const std::string& key, uint64_t position = 0,
                                                     std::optional<uint64_t> bytes = {}) = 0;
  /// Tell what is known of an object. Error kObjectNotFound.
  virtual Result<ObjectInfo> Head(const std::string& key) = 0;
  /// Removing an absent object is fine.
  virtual Status Remove(const std::string& key) = 0;
  /// Up to `limit` objects whose key begins with `prefix` and is greater than `after`, by bytes,
  /// ascending; fewer only where there are no more.
  virtual Result<std::vector<ObjectInfo>> List(const std::string& prefix, const std::string& after,
                                               size_t limit) = 0;
  /// Remove what puts that a crash ended have left. A process's first put does so, too.
  virtual Status Sweep() = 0;
};

/// Objects as files in `folder` of a file system: the store of one node. Keys are percent-encoded
/// so that no key can leave the folder, which is made with the first put, and which this store
/// alone uses. Checksums are kept with the bytes and verified when they are read. `files` and
/// `clock` outlive it; `folder` is not the root.
std::unique_ptr<ObjectStore> MakeFolderObjectStore(FileSystem* files, std::string folder,
                                                   const Clock* clock);

}  // namespace firth::store
