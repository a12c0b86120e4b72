#include "firth/store/memory_file_system.h"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include "firth/store/file_error.h"
#include "firth/store/file_path.h"
#include "firth/store/name_tree.h"

namespace firth::store {

struct MemoryFileSystem::State {
  std::mutex mutex;  // guards all below and every node
  NameTree names;
  std::shared_ptr<const FaultHook> hook;
  uint64_t capacity_bytes = UINT64_MAX;
  uint64_t used_bytes = 0;
  uint64_t operations = 0;

  /// Ask the hook, without the lock, and count the operation if it lets it pass.
  Status Begin(const char* operation, const std::string& path) {
    std::shared_ptr<const FaultHook> asked;
    {
      std::lock_guard lock(mutex);
      asked = hook;
    }
    if (asked != nullptr) ARROW_RETURN_NOT_OK((*asked)(operation, path));
    std::lock_guard lock(mutex);
    ++operations;
    return Status::OK();
  }

  /// Account for a file that goes from `before` to `after` bytes. Error ENOSPC. Needs the lock.
  int Account(uint64_t before, uint64_t after) {
    const uint64_t others = used_bytes - before;
    if (after > before && (others > capacity_bytes || after > capacity_bytes - others))
      return ENOSPC;
    used_bytes = others + after;
    return 0;
  }

  /// Give the room of a file back that has neither name nor handle. Needs the lock.
  void ReleaseIfUnused(const NodePtr& node) {
    if (node != nullptr && node->name_count == 0 && node->handles == 0) {
      used_bytes -= node->content.bytes();
    }
  }
};

namespace {

using State = MemoryFileSystem::State;

class MemoryFile : public File {
 public:
  /// Needs the lock.
  MemoryFile(std::shared_ptr<State> state, NodePtr node, std::string name)
      : state_(std::move(state)), node_(std::move(node)), name_(std::move(name)) {
    ++node_->handles;
  }
  ~MemoryFile() override {
    std::lock_guard lock(state_->mutex);
    --node_->handles;
    state_->ReleaseIfUnused(node_);
  }

  Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
    ARROW_RETURN_NOT_OK(state_->Begin("write", name_));
    uint64_t bytes = 0;
    for (const Bytes part : parts) bytes += part.size();
    if (bytes == 0) return Status::OK();
    if (position > INT64_MAX || bytes > INT64_MAX - position)
      return FileError(EFBIG, "write", name_);
    std::lock_guard lock(state_->mutex);
    if (const int error = Grow(position + bytes)) return FileError(error, "write", name_);
    for (const Bytes part : parts) {
      node_->content.Write(position, part);
      position += part.size();
    }
    return Status::OK();
  }

  Status Read(uint64_t position, std::span<std::byte> out) const override {
    ARROW_RETURN_NOT_OK(state_->Begin("read", name_));
    std::lock_guard lock(state_->mutex);
    const uint64_t bytes = node_->content.bytes();
    const uint64_t found = bytes - std::min(bytes, position);
    if (out.size() > found) return ReadPastEnd(name_, position, out.size(), found);
    if (!out.empty()) node_->content.Read(position, out);
    return Status::OK();
  }

  Status Sync() override {
    if (sync_failed_) return SyncFailedBefore(name_);
    const Status status = state_->Begin("sync", name_);
    std::lock_guard lock(state_->mutex);
    if (status.ok()) {
      node_->content.Sync();
    } else {
      sync_failed_ = true;
      node_->content.FailSync();
    }
    return status;
  }

  Status Reserve(uint64_t bytes) override {
    ARROW_RETURN_NOT_OK(state_->Begin("reserve", name_));
    if (bytes > INT64_MAX) return FileError(EFBIG, "reserve room in", name_);
    std::lock_guard lock(state_->mutex);
    if (const int error = Grow(bytes)) return FileError(error, "reserve room in", name_);
    if (bytes > node_->content.bytes()) node_->content.Resize(bytes);
    return Status::OK();
  }

  Status Truncate(uint64_t bytes) override {
    ARROW_RETURN_NOT_OK(state_->Begin("truncate", name_));
    if (bytes > INT64_MAX) return FileError(EFBIG, "truncate", name_);
    std::lock_guard lock(state_->mutex);
    const int error = state_->Account(node_->content.bytes(), bytes);
    if (error != 0) return FileError(error, "truncate", name_);
    node_->content.Resize(bytes);
    return Status::OK();
  }

  Result<uint64_t> Size() const override {
    std::lock_guard lock(state_->mutex);
    return node_->content.bytes();
  }

  const std::string& name() const override { return name_; }

 private:
  /// Account for room up to `end`. Needs the lock.
  int Grow(uint64_t end) {
    const uint64_t bytes = node_->content.bytes();
    return end > bytes ? state_->Account(bytes, end) : 0;
  }

  const std::shared_ptr<State> state_;
  const NodePtr node_;
  const std::string name_;
  bool sync_failed_ = false;  // of the one writer
};

}  // namespace

MemoryFileSystem::MemoryFileSystem() : state_(std::make_shared<State>()) {}
MemoryFileSystem::MemoryFileSystem(std::shared_ptr<State> state) : state_(std::move(state)) {}
MemoryFileSystem::~MemoryFileSystem() = default;

Result<std::unique_ptr<File>> MemoryFileSystem::Create(const std::string& path) {
  ARROW_RETURN_NOT_OK(CheckFilePath(path));
  ARROW_RETURN_NOT_OK(state_->Begin("create", path));
  std::lock_guard lock(state_->mutex);
  NodePtr node;
  const int error = state_->names.Create(path, /*is_folder=*/false, &node);
  if (error != 0) return FileError(error, "create", path);
  return std::make_unique<MemoryFile>(state_, node, path);
}

Result<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path) {
  ARROW_RETURN_NOT_OK(CheckFilePath(path));
  ARROW_RETURN_NOT_OK(state_->Begin("open", path));
  std::lock_guard lock(state_->mutex);
  NodePtr node;
  if (const int error = state_->names.Find(path, &node)) return FileError(error, "open", path);
  if (node->is_folder) return FileError(EISDIR, "open", path);
  return std::make_unique<MemoryFile>(state_, node, path);
}

Result<bool> MemoryFileSystem::Exists(const std::string& path) {
  ARROW_RETURN_NOT_OK(CheckFolderPath(path));
  std::lock_guard lock(state_->mutex);
  NodePtr node;
  return state_->names.Find(path, &node) == 0;
}

Result<std::vector<FileInfo>> MemoryFileSystem::List(const std::string& folder) {
  ARROW_RETURN_NOT_OK(CheckFolderPath(folder));
  ARROW_RETURN_NOT_OK(state_->Begin("list", folder));
  std::lock_guard lock(state_->mutex);
  NodePtr node;
  if (const int error = state_->names.Find(folder, &node)) return FileError(error, "list", folder);
  if (!node->is_folder) return FileError(ENOTDIR, "list", folder);
  std::vector<FileInfo> found;
  for (const auto& [name, child] : node->names) {
    found.push_back({.name = name, .bytes = child->content.bytes(), .is_folder = child->is_folder});
  }
  return found;
}

Status MemoryFileSystem::MakeFolder(const std::string& path) {
  ARROW_RETURN_NOT_OK(CheckFolderPath(path));
  ARROW_RETURN_NOT_OK(state_->Begin("folder", path));
  std::lock_guard lock(state_->mutex);
  std::string made;
  for (const std::string_view segment : SegmentsOf(path)) {
    made = PathIn(made, segment);
    NodePtr node;
    int error = state_->names.Create(made, /*is_folder=*/true, &node);
    if (error == EEXIST) error = state_->names.Find(made, &node);
    if (error == 0 && !node->is_folder) error = ENOTDIR;
    if (error != 0) return FileError(error, "make the folder", made);
  }
  return Status::OK();
}

Status MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  ARROW_RETURN_NOT_OK(CheckFilePath(from));
  ARROW_RETURN_NOT_OK(CheckFilePath(to));
  ARROW_RETURN_NOT_OK(state_->Begin("rename", from));
  std::lock_guard lock(state_->mutex);
  NodePtr replaced;
  const int error = state_->names.Rename(from, to, &replaced);
  if (error != 0) return FileError(error, "rename to '" + to + "' the file", from);
  state_->ReleaseIfUnused(replaced);
  return Status::OK();
}

Status MemoryFileSystem::Remove(const std::string& path) {
  ARROW_RETURN_NOT_OK(CheckFilePath(path));
  ARROW_RETURN_NOT_OK(state_->Begin("remove", path));
  std::lock_guard lock(state_->mutex);
  NodePtr removed;
  if (const int error = state_->names.Remove(path, &removed))
    return FileError(error, "remove", path);
  state_->ReleaseIfUnused(removed);
  return Status::OK();
}

Result<bool> MemoryFileSystem::RemoveFolder(const std::string& path) {
  ARROW_RETURN_NOT_OK(CheckFilePath(path));
  ARROW_RETURN_NOT_OK(state_->Begin("remove", path));
  std::lock_guard lock(state_->mutex);
  const int error = state_->names.RemoveFolder(path);
  if (error == 0) return true;
  if (error == ENOTEMPTY) return false;
  return FileError(error, "remove the folder", path);
}

Status MemoryFileSystem::SyncFolder(const std::string& folder) {
  ARROW_RETURN_NOT_OK(CheckFolderPath(folder));
  ARROW_RETURN_NOT_OK(state_->Begin("sync_folder", folder));
  std::lock_guard lock(state_->mutex);
  NodePtr node;
  int error = state_->names.Find(folder, &node);
  if (error == 0 && !node->is_folder) error = ENOTDIR;
  if (error != 0) return FileError(error, "sync the folder", folder);
  state_->names.Sync(node);
  return Status::OK();
}

Result<uint64_t> MemoryFileSystem::FreeBytes() {
  std::lock_guard lock(state_->mutex);
  return state_->capacity_bytes - std::min(state_->capacity_bytes, state_->used_bytes);
}

void MemoryFileSystem::SetFaultHook(FaultHook hook) {
  auto shared = hook ? std::make_shared<const FaultHook>(std::move(hook)) : nullptr;
  std::lock_guard lock(state_->mutex);
  state_->hook.swap(shared);
}

void MemoryFileSystem::SetCapacity(uint64_t bytes) {
  std::lock_guard lock(state_->mutex);
  state_->capacity_bytes = bytes;
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::PowerCut(Random* random) const {
  auto left = std::make_shared<State>();
  std::lock_guard lock(state_->mutex);
  left->names = state_->names.AfterPowerCut(random);
  left->used_bytes = left->names.FileBytes();
  left->capacity_bytes = state_->capacity_bytes;
  return std::unique_ptr<MemoryFileSystem>(new MemoryFileSystem(std::move(left)));
}

Status MemoryFileSystem::FlipBits(const std::string& path, uint64_t position, uint8_t mask) {
  ARROW_RETURN_NOT_OK(CheckFilePath(path));
  std::lock_guard lock(state_->mutex);
  NodePtr node;
  int error = state_->names.Find(path, &node);
  if (error == 0 && node->is_folder) error = EISDIR;
  if (error != 0) return FileError(error, "flip bits of", path);
  if (position >= node->content.bytes()) return ReadPastEnd(path, position, 1, 0);
  node->content.FlipBits(position, mask);
  return Status::OK();
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::Copy() const {
  auto copy = std::make_shared<State>();
  std::lock_guard lock(state_->mutex);
  copy->names = state_->names.Copy();
  copy->used_bytes = copy->names.FileBytes();
  copy->capacity_bytes = state_->capacity_bytes;
  return std::unique_ptr<MemoryFileSystem>(new MemoryFileSystem(std::move(copy)));
}

uint64_t MemoryFileSystem::operations() const {
  std::lock_guard lock(state_->mutex);
  return state_->operations;
}

}  // namespace firth::store
