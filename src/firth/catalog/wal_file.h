// The write-ahead log of SQLite, verified when it is opened and whenever a page of it is read.
#pragma once

#include <memory>
#include <vector>

#include "firth/catalog/layer_file.h"
#include "firth/catalog/wal_format.h"
#include "firth/catalog/wal_mark.h"

namespace firth::catalog {

/// SQLite itself verifies frames only when it recovers a log, so the hash of each page is kept
/// here, in memory, from when it was written or recovered (8 bytes a frame).
class WalFile : public LayerFile {
 public:
  /// Take the log that `file` holds. Error kChecksumMismatch when frames that the mark vouches for
  /// are not whole.
  static Result<std::unique_ptr<WalFile>> Open(std::unique_ptr<store::File> file, uint64_t bytes,
                                               NewName new_name, WalMark* mark);

  Status Read(uint64_t position, std::span<std::byte> out) override;
  /// On kDiskFull the log is cut back, durably, to the transactions that ended before: SQLite takes
  /// its transaction for undone, so no later recovery may find it.
  Status Write(uint64_t position, Bytes bytes) override;
  Status Truncate(uint64_t bytes) override;
  Status Sync() override;

 private:
  using LayerFile::LayerFile;
  /// What is known of a frame; 0 in `page_hash`: nothing.
  struct Frame {
    uint64_t page_hash = 0;
    bool ends_transaction = false;
  };
  Frame& FrameAt(uint64_t index);
  Status BeginAnew(Bytes header);
  void Note(uint64_t position, Bytes bytes);
  Status CutBack(Status failure);

  WalMark* mark_ = nullptr;
  bool has_header_ = false;
  WalSalt salt_{};
  std::vector<Frame> frames_;
  uint64_t frames_ended_ = 0;    // written, up to the end of a transaction
  uint64_t frames_durable_ = 0;  // of those, synced
};

}  // namespace firth::catalog
