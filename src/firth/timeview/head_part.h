// Parts of a head in files. A head that was written is not written again for each few edits that
// come: a part is added that has only those. So what waits in front of a tree is written once, as
// long as the tree stays as it is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/timeview/node.h"
#include "firth/timeview/node_files.h"
#include "firth/timeview/overlay.h"
#include "firth/timeview/record.h"

namespace firth::timeview {

/// Parts of a head at most; then it is written again as a whole.
inline constexpr size_t kHeadPartsMax = 16;

/// A record of a head, and the edits in it that wait. The first is the head as it was written as a
/// whole, the others came since.
struct HeadPart {
  NodeAddress record;
  uint32_t steps = 0;
  uint32_t points = 0;
  bool removes = false;  // does any step remove points?
};

/// What a part that came later holds besides its edits.
struct HeadPartIndex {
  int64_t end = 0;              // there are no points at or after it
  std::vector<HeadPart> parts;  // all of the head, this one last
};

/// | i64 end | varint parts | for each: address (of this one zeros), varint steps, varint points,
/// u8 flags (1: removes) | edits
void EncodeHeadPartIndex(int64_t end, std::span<const HeadPart> before, const HeadPart& last,
                         std::string* out);
/// The edits follow. Error kDataLoss / kChecksumMismatch, without a place.
Result<HeadPartIndex> DecodeHeadPartIndex(const NodeAddress& record, ByteReader* in);

/// Read the edits of parts, the first parts of a head, one behind another. Errors: as
/// FileNodeSource::Load.
Result<EditRun> LoadEdits(const FileNodeSource& source, std::span<const HeadPart> parts);

}  // namespace firth::timeview
