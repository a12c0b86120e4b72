// SQLite's file layer (its "VFS") over a store::FileSystem, so that power cuts and faults that a
// file system simulates reach the catalog.
//
// Locks are nothing: whoever opened the file system keeps other processes out, and there is one
// connection. There is no shared memory: the connection must be in exclusive locking mode before it
// touches the log. Time and randomness come from SQLite's own layer.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "firth/catalog/layer_file.h"
#include "firth/catalog/wal_mark.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

struct sqlite3_vfs;

namespace firth::catalog {

/// Registered with SQLite while it lives; must outlive the connection. Used by one thread at a
/// time.
class FileLayer {
 public:
  /// For the database at `path`; beside it will lie its log, `path`-wal, and the log's mark,
  /// `path`-mark. Error kDataLoss when the mark says that there is a database or a log, and there
  /// is none.
  /// `on_fatal` is called, once, with the error that broke it.
  static Result<std::unique_ptr<FileLayer>> Make(store::FileSystem* files, const std::string& path,
                                                 std::function<void(const Status&)> on_fatal = {});
  ~FileLayer();
  FileLayer(const FileLayer&) = delete;
  FileLayer& operator=(const FileLayer&) = delete;

  /// What sqlite3_open_v2 takes.
  const char* name() const { return name_.c_str(); }

  /// The last error of a file since the last call of this, or OK.
  Status TakeCause();

  // --- What SQLite's calls become.

  Result<std::unique_ptr<LayerFile>> OpenFile(const char* path, int flags);
  Result<bool> Exists(const std::string& path) { return files_->Exists(path); }
  Status Remove(const std::string& path);
  /// Run a change of a file. When one fails, unless for want of room, nobody knows what is on disk:
  /// no further change is let through then.
  template <typename Operation>
  Status Change(Operation operation) {
    if (!broken_.ok()) return broken_;
    Status status = operation();
    if (!status.ok() && ReasonOf(status) != Reason::kDiskFull) Break(status);
    return status;
  }
  /// The same for a sync, which may not fail for any reason.
  Status Sync(LayerFile* file);
  /// Remember an error for TakeCause.
  void Note(const Status& status) { cause_ = status; }

 private:
  FileLayer(store::FileSystem* files, std::string path,
            std::function<void(const Status&)> on_fatal);
  Status CheckFilesAreThere();
  /// A database whose mark is missing or torn goes on without it, and the log of events says so.
  Status SayWhatIsNotMarked();
  void Break(const Status& status);

  store::FileSystem* const files_;
  const std::string path_;
  const std::string name_;
  const std::function<void(const Status&)> on_fatal_;
  std::unique_ptr<WalMark> mark_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  Status cause_;
  Status broken_;
};

}  // namespace firth::catalog
