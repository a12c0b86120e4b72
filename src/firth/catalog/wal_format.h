// SQLite's write-ahead log as bytes: enough of its format to know which frames are whole.
// Source: "WAL-mode File Format" of SQLite's documentation.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "firth/catalog/layer_file.h"
#include "firth/common/bytes.h"
#include "firth/common/status.h"

namespace firth::catalog {

inline constexpr uint64_t kWalHeaderBytes = 32;
inline constexpr uint64_t kWalFrameHeaderBytes = 24;
inline constexpr uint64_t kWalFrameBytes = kWalFrameHeaderBytes + kPageBytes;

/// Where frame `frame` (from 0 on) begins.
constexpr uint64_t FrameBegin(uint64_t frame) {
  return kWalHeaderBytes + frame * kWalFrameBytes;
}

/// Tells the frames of one generation of the log from left-overs of earlier ones.
using WalSalt = std::array<std::byte, 8>;

/// The salt in a log's header, and whether a frame's header says that it ends a transaction.
WalSalt SaltOfHeader(Bytes header);
bool EndsTransaction(Bytes frame_header);

/// What a log holds from its begin on, up to the first frame that is not whole.
struct WalScan {
  bool has_header = false;
  WalSalt salt{};
  uint64_t frames_committed = 0;      // up to and with the last frame that ends a transaction
  std::vector<uint64_t> page_hashes;  // Hash64 of the page in each committed frame
};

/// Read a log of `bytes` bytes, verifying the checksums of its header and frames.
Result<WalScan> ScanWal(const store::File& file, uint64_t bytes);

}  // namespace firth::catalog
