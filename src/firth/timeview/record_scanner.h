// Reading a file of records through, from its beginning.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "firth/timeview/node_files.h"
#include "firth/timeview/record.h"

namespace firth::timeview {

/// Visits the records of a file in the order in which they lie. Errors: kDataLoss, kIo; they name
/// the file.
class RecordScanner {
 public:
  /// Of a file of which `bytes` are in use.
  static Result<RecordScanner> Open(NodeFilePtr file, uint64_t bytes);

  struct Found {
    RecordHeader header;  // not verified
    NodeAddress address;
    uint64_t position = 0;
  };
  /// The next record; none at the end.
  Result<std::optional<Found>> Next();
  /// The bytes of the record that was found last, verified. Valid until Next.
  Result<Bytes> Verified(const Found& found);

 private:
  RecordScanner() = default;
  /// Bytes at `position`, from a window that moves over the file.
  Result<Bytes> At(uint64_t position, uint64_t bytes);
  Status Damaged(uint64_t position, const Status& status) const;

  NodeFilePtr file_;
  std::shared_ptr<store::File> open_;
  uint64_t end_ = 0;
  uint64_t next_ = 0;
  uint64_t window_at_ = 0;
  std::vector<std::byte> window_;
  std::unordered_map<uint32_t, PackedPlace> places_;  // of a packed file, by position
};

}  // namespace firth::timeview
