// Objects: named bytes in containers, with what their writers said of them. Names and facts are
// records of the catalog, bytes are immutable blobs of an object store, so that a listing is one
// ordered read, a replacement is one transaction, and an upload in parts copies nothing when it
// ends.
#pragma once

#include <arrow/buffer.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/bytes.h"
#include "firth/common/clock.h"
#include "firth/common/random.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"
#include "firth/store/object_store.h"

namespace firth::work {

inline constexpr size_t kObjectKeyBytesMax = 1024;
inline constexpr size_t kContainerNameBytesMax = 255;
inline constexpr int kUploadPartsMax = 10'000;

struct ContainerInfo {
  std::string name;
  int64_t created_ns = 0;
};

/// A run of an object's bytes, as the object store has it.
struct Blob {
  std::string id;
  uint64_t bytes = 0;

  bool operator==(const Blob&) const = default;
};

/// What a writer says of an object. Metadata is text that readers get back verbatim.
struct NewObject {
  std::string container;
  std::string key;
  std::string tag;  // tells contents apart; opaque here
  std::map<std::string, std::string> metadata;
  std::optional<int64_t> expires_ns;  // when it may be removed; default: never
};

struct ObjectInfo {
  std::string container;
  std::string key;
  std::string tag;
  std::map<std::string, std::string> metadata;
  std::optional<int64_t> expires_ns;
  uint64_t bytes = 0;
  int64_t modified_ns = 0;
  std::vector<Blob> blobs;  // in order
};

/// An object whose bytes are durable but which nobody can see yet. One that is given up is to be
/// discarded; what a crash leaves is removed after the next start.
struct StagedObject {
  NewObject object;
  std::vector<Blob> blobs;
  uint64_t bytes = 0;
};

struct UploadInfo {
  std::string id;
  NewObject object;
  int64_t started_ns = 0;
};
struct PartInfo {
  int number = 0;  // 1 to kUploadPartsMax
  std::string tag;
  std::map<std::string, std::string> metadata;
  std::vector<Blob> blobs;  // in order

  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const Blob& blob : blobs) sum += blob.bytes;
    return sum;
  }
};

/// When a put is to happen.
struct PutCondition {
  bool if_absent = false;
  std::optional<std::string> if_tag;  // only in place of an object with this tag
};

struct ObjectsOptions {
  catalog::Catalog* catalog = nullptr;
  store::FileSystem* files = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  std::string folder = "objects";
};

/// Thread-safe; all calls block. What returns OK is durable and visible to everyone. Errors:
/// kNamespaceNotFound for a container that is not there, kObjectNotFound for an object,
/// kTransactionNotFound for an upload, kConflict for a condition that does not hold, kInvalidName.
class Objects {
 public:
  static Result<std::unique_ptr<Objects>> Open(const ObjectsOptions& options);

  /// Names have 1 to 255 bytes of UTF-8 without `/` and control bytes. Error kNamespaceExists.
  Status CreateContainer(const std::string& name);
  /// Error kNamespaceNotEmpty while it holds an object.
  Status RemoveContainer(const std::string& name);
  Result<ContainerInfo> GetContainer(const std::string& name);
  /// By name.
  Result<std::vector<ContainerInfo>> ListContainers();

  Result<ObjectInfo> Get(const std::string& container, const std::string& key);
  /// Up to `limit` objects whose key begins with `prefix` and is at or after `from`, by the bytes
  /// of their keys.
  Result<std::vector<ObjectInfo>> List(const std::string& container, const std::string& prefix,
                                       const std::string& from, size_t limit);
  /// The bytes [position, position + bytes) of an object, which lie within it. An object that was
  /// replaced stays readable for an hour.
  Result<std::shared_ptr<arrow::Buffer>> Read(const ObjectInfo& object, uint64_t position,
                                              uint64_t bytes);

  Result<ObjectInfo> Put(const NewObject& object, Bytes bytes, const PutCondition& condition = {});
  /// Removing an absent object is fine.
  Status Remove(const std::string& container, const std::string& key);
  /// Remove all objects whose key begins with `prefix`.
  Status RemoveAll(const std::string& container, const std::string& prefix);

  /// Add bytes to an object that is being made.
  Status Append(StagedObject* staged, Bytes bytes);
  /// Remove the bytes of an object that will not be shown.
  void Discard(const StagedObject& staged);
  /// The same after an error of Publish or PutPart that says that it was not shown; after others it
  /// may be, and stays.
  void DiscardRefused(const StagedObject& staged, const Status& why);
  /// Show staged objects, all in one transaction, which also makes `changes` of the catalog.
  Result<std::vector<ObjectInfo>> Publish(const std::vector<StagedObject>& staged,
                                          const std::vector<catalog::ValueChange>& changes,
                                          const PutCondition& condition = {});

  // Uploads in parts: parts come in any order and may be sent again; the last of a number counts.
  Result<UploadInfo> BeginUpload(const NewObject& object);
  Result<UploadInfo> GetUpload(const std::string& container, const std::string& key,
                               const std::string& upload);
  Result<PartInfo> PutPart(const UploadInfo& upload, PartInfo part, Bytes bytes);
  /// The same of bytes that were staged; on an error they stay so.
  Result<PartInfo> PutPart(const UploadInfo& upload, PartInfo part, const StagedObject& staged);
  /// By number.
  Result<std::vector<PartInfo>> ListParts(const UploadInfo& upload);
  /// Uploads of a container that are not ended.
  Result<std::vector<UploadInfo>> ListUploads(const std::string& container, size_t limit);
  /// Make the object from `parts`, as ListParts gave them, in the order given. Error kConflict if
  /// one was sent again since.
  Result<ObjectInfo> EndUpload(const UploadInfo& upload, const std::vector<PartInfo>& parts,
                               const std::string& tag,
                               const std::map<std::string, std::string>& metadata,
                               const PutCondition& condition = {});
  Status AbortUpload(const UploadInfo& upload);

  /// Remove expired objects and the bytes of objects that have been gone for an hour.
  Status RemoveGarbage();
  /// Remove bytes that an earlier process stored and never named.
  Status RemoveOrphans();

 private:
  explicit Objects(const ObjectsOptions& options);

  std::string NewBlobId();
  Status CheckNames(const std::string& container, const std::string& key);
  /// The change that fails a transaction when the container is gone.
  Result<catalog::ValueChange> Holding(const std::string& container);
  void AddGarbage(const std::vector<Blob>& blobs, std::vector<catalog::ValueChange>* changes);
  Result<ObjectInfo> PublishOnce(const StagedObject& staged, const PutCondition& condition,
                                 std::vector<catalog::ValueChange>* changes);
  /// Run `attempt`, again while others change the same names.
  Status Retry(const std::function<Status()>& attempt);
  Status RemoveExpired(int64_t now_ns);
  Result<std::vector<catalog::ValueChange>> ExpectParts(const UploadInfo& upload,
                                                        const std::vector<PartInfo>& parts);

  const ObjectsOptions options_;
  std::unique_ptr<store::ObjectStore> blobs_;
  std::string run_;  // in front of the ids of this process's blobs
  std::atomic<uint64_t> next_blob_{1};
};

}  // namespace firth::work
