#include "firth/keyview/rocks_status.h"

namespace firth::keyview {
namespace {

/// RocksDB tells a lock that is held from other failures only in its text.
bool MeansLocked(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() && (text.find("While lock file") != std::string::npos ||
                                text.find("lock hold by current process") != std::string::npos);
}

}  // namespace

Status FromRocks(const rocksdb::Status& status, std::string_view action,
                 const std::string& folder) {
  if (status.ok()) return Status::OK();
  const std::string message =
      "the key view in '" + folder + "' cannot " + std::string(action) + ": " + status.ToString();
  if (status.IsCorruption()) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch, message);
  }
  if (status.IsNoSpace()) {
    return Error(Code::kResourceExhausted, Reason::kDiskFull, message);
  }
  if (MeansLocked(status)) {
    return Error(Code::kFailedPrecondition, Reason::kFolderInUse, message);
  }
  return Error(Code::kUnavailable, Reason::kIo, message);
}

bool MeansDamaged(const rocksdb::Status& status) {
  // A file that is named and not there is damage; a disk that does not answer is not.
  if (status.IsIOError()) return status.IsPathNotFound();
  return !status.ok() && !status.IsBusy() && !status.IsMemoryLimit();
}

}  // namespace firth::keyview
