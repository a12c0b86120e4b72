// Handing changes to RocksDB: few of them as a batch, many as a finished file.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "firth/common/status.h"
#include "firth/keyview/key_state.h"
#include "firth/keyview/rocks_generation.h"

namespace firth::keyview {

/// Write `states`, sorted by key (of equal keys the last counts), and the watermark if there is
/// one, all or nothing. Changes of more than `file_bytes_min` become a file of RocksDB's first
/// level: that costs no second place in memory and no sorting. Blocks. One thread at a time for a
/// generation. Errors: kDiskFull, kIo.
Status WriteStates(RocksGeneration* generation, const std::vector<KeyStatePtr>& states,
                   std::optional<int64_t> watermark, uint64_t file_bytes_min);

}  // namespace firth::keyview
