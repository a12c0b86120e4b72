// Files in memory, and the faults that a disk can have: the twin of the local file system.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "firth/common/random.h"
#include "firth/store/file_system.h"

namespace firth::store {

/// What is called before each operation of a MemoryFileSystem that touches the "disk". `operation`
/// is one of "create", "open", "write", "read", "sync", "reserve", "truncate", "rename", "remove",
/// "list", "folder", "sync_folder". A status that is not OK is returned in place of the
/// operation's; in place of a sync's it also loses what was written since the last one, until it is
/// written again. No lock is held: the hook may use the file system, also to take a PowerCut or a
/// Copy.
using FaultHook = std::function<Status(const char* operation, const std::string& path)>;

/// A file system in memory that knows which bytes and names are durable. Fault model: bytes are
/// written in sectors of 512; after a power cut each sector that was written since the last sync of
/// its file is, at random, old, new, or (the last one touched by a write) torn; sizes that were not
/// synced may be old or new; names created, renamed or removed since the last sync of their folder
/// are, at random, as before or as after, each change for itself; a rename is one change, so it
/// never loses the file. A name may be durable whose file's content is not: that has its synced
/// content, at first none. Synced bytes stay. Thread-safe.
class MemoryFileSystem : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  Result<std::unique_ptr<File>> Create(const std::string& path) override;
  Result<std::unique_ptr<File>> Open(const std::string& path) override;
  Result<bool> Exists(const std::string& path) override;
  Result<std::vector<FileInfo>> List(const std::string& folder) override;
  Status MakeFolder(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Result<bool> RemoveFolder(const std::string& path) override;
  Status SyncFolder(const std::string& folder) override;
  Result<uint64_t> FreeBytes() override;

  /// Call `hook` before each operation; none by default.
  void SetFaultHook(FaultHook hook);
  /// Refuse what would make the sizes of all files sum to more than this many bytes, with
  /// kDiskFull. A removed file counts until it is closed.
  void SetCapacity(uint64_t bytes);
  /// A new file system that holds what a power cut now might leave, by the fault model above, all
  /// of it durable; the same for the same state and the same bits of `random`. It has the capacity
  /// of this one and no hook.
  std::unique_ptr<MemoryFileSystem> PowerCut(Random* random) const;
  /// Change bytes at rest behind the engine's back: XOR `mask` into one byte. Error kIo past the
  /// end.
  Status FlipBits(const std::string& path, uint64_t position, uint8_t mask);
  /// A deep copy of everything, durable or not (what a killed process leaves behind); open files
  /// and the hook stay behind.
  std::unique_ptr<MemoryFileSystem> Copy() const;
  /// Operations that reached the disk so far: those that the hook let pass.
  uint64_t operations() const;

  struct State;  // public so that open files can share it; defined in the .cc

 private:
  explicit MemoryFileSystem(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace firth::store
