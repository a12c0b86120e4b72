#include "firth/store/object_store.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>

#include "firth/store/file_path.h"
#include "firth/store/key_locks.h"
#include "firth/store/object_file.h"
#include "firth/store/object_key.h"

namespace firth::store {
namespace {

bool IsMissing(const Status& status) {
  return ReasonOf(status) == Reason::kFileMissing;
}

Status NotFound(const std::string& key) {
  return Error(Code::kNotFound, Reason::kObjectNotFound, "there is no object '" + key + "'");
}

Status OutsideOf(const std::string& key, uint64_t position, uint64_t bytes) {
  return Error(Code::kOutOfRange, Reason::kNone,
               "the range from " + std::to_string(position) + " does not lie within the " +
                   std::to_string(bytes) + " bytes of the object '" + key + "'");
}

class FolderObjectStore : public ObjectStore {
 public:
  FolderObjectStore(FileSystem* files, std::string folder, const Clock* clock)
      : files_(files), folder_(std::move(folder)), clock_(clock) {
    FIRTH_CHECK(!folder_.empty());
  }

  Status Put(const std::string& key, Bytes bytes, bool if_absent) override {
    ARROW_RETURN_NOT_OK(CheckObjectKey(key));
    ARROW_RETURN_NOT_OK(Prepare());
    const std::string path = PathOf(key);
    const auto held = locks_.Lock(key);
    if (if_absent) {
      ARROW_ASSIGN_OR_RAISE(const bool exists, files_->Exists(path));
      if (exists) {
        return Error(Code::kAborted, Reason::kConflict, "the object '" + key + "' exists already");
      }
    }
    const std::string folder = FolderOf(path);
    if (folder != folder_) ARROW_RETURN_NOT_OK(MakeFolderDurably(files_, folder));
    const std::string front = EncodeObjectFront(key, clock_->NowNs(), bytes);
    return WriteFileAtomically(files_, path, {AsBytes(front), bytes});
  }

  Result<std::shared_ptr<arrow::Buffer>> Get(const std::string& key, uint64_t position,
                                             std::optional<uint64_t> bytes) override {
    ARROW_ASSIGN_OR_RAISE(const auto file, OpenObject(key));
    ARROW_ASSIGN_OR_RAISE(const ObjectHeader header, ReadObjectHeader(*file, key));
    if (position > header.bytes) return OutsideOf(key, position, header.bytes);
    const uint64_t wanted = bytes.value_or(header.bytes - position);
    if (wanted > header.bytes - position) return OutsideOf(key, position, header.bytes);
    return ReadObjectContent(*file, key, header, position, position + wanted);
  }

  Result<ObjectInfo> Head(const std::string& key) override {
    ARROW_ASSIGN_OR_RAISE(const auto file, OpenObject(key));
    ARROW_ASSIGN_OR_RAISE(const ObjectHeader header, ReadObjectHeader(*file, key));
    return ObjectInfo{.key = key, .bytes = header.bytes, .modified_ns = header.modified_ns};
  }

  Status Remove(const std::string& key) override {
    ARROW_RETURN_NOT_OK(CheckObjectKey(key));
    const std::string path = PathOf(key);
    ARROW_RETURN_NOT_OK(files_->Remove(path));
    // Also where it was absent: an earlier removal may have failed to sync.
    const Status synced = files_->SyncFolder(FolderOf(path));
    return IsMissing(synced) ? Status::OK() : synced;
  }

  Result<std::vector<ObjectInfo>> List(const std::string& prefix, const std::string& after,
                                       size_t limit) override {
    std::vector<std::string> keys;
    const Status walked = Walk(folder_, [&](const std::string& path) {
      auto key = ObjectKeyOf(std::string_view(path).substr(folder_.size() + 1));
      if (key.has_value() && key->starts_with(prefix) && *key > after) keys.push_back(*key);
      return Status::OK();
    });
    if (!walked.ok() && !IsMissing(walked)) return walked;
    std::ranges::sort(keys);
    std::vector<ObjectInfo> found;
    for (auto key = keys.begin(); key != keys.end() && found.size() < limit; ++key) {
      auto info = Head(*key);
      if (ReasonOf(info.status()) == Reason::kObjectNotFound) continue;  // removed since
      ARROW_RETURN_NOT_OK(info.status());
      found.push_back(info.MoveValueUnsafe());
    }
    return found;
  }

  Status Sweep() override { return Prepare(); }

 private:
  using Visit = std::function<Status(const std::string& path)>;

  std::string PathOf(const std::string& key) const { return PathIn(folder_, ObjectPath(key)); }

  Result<std::unique_ptr<File>> OpenObject(const std::string& key) {
    ARROW_RETURN_NOT_OK(CheckObjectKey(key));
    auto file = files_->Open(PathOf(key));
    if (IsMissing(file.status())) return NotFound(key);
    return file;
  }

  /// Visit every file in `folder` and in the folders that long keys make.
  Status Walk(const std::string& folder, const Visit& visit) {
    ARROW_ASSIGN_OR_RAISE(const auto entries, files_->List(folder));
    for (const FileInfo& entry : entries) {
      const std::string path = PathIn(folder, entry.name);
      if (!entry.is_folder) {
        ARROW_RETURN_NOT_OK(visit(path));
      } else if (entry.name.ends_with(kKeyFolderSuffix)) {
        ARROW_RETURN_NOT_OK(Walk(path, visit));
      }
    }
    return Status::OK();
  }

  /// Once, before the first put: make the folder, and remove what puts that a crash ended have
  /// left.
  Status Prepare() {
    if (prepared_) return Status::OK();
    const auto held = locks_.Lock("");  // no object has this key
    if (prepared_) return Status::OK();
    ARROW_RETURN_NOT_OK(MakeFolderDurably(files_, folder_));
    ARROW_RETURN_NOT_OK(Walk(folder_, [&](const std::string& path) {
      return path.ends_with(kTemporarySuffix) ? files_->Remove(path) : Status::OK();
    }));
    prepared_ = true;
    return Status::OK();
  }

  FileSystem* const files_;
  const std::string folder_;
  const Clock* const clock_;
  KeyLocks locks_;
  std::atomic<bool> prepared_ = false;
};

}  // namespace

std::unique_ptr<ObjectStore> MakeFolderObjectStore(FileSystem* files, std::string folder,
                                                   const Clock* clock) {
  return std::make_unique<FolderObjectStore>(files, std::move(folder), clock);
}

}  // namespace firth::store
