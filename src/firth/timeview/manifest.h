// The manifest: one small file that names everything a base is made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"
#include "firth/timeview/record.h"

namespace firth::timeview {

struct Manifest {
  struct RecordFile {
    FileKind kind = FileKind::kNodes;
    uint32_t number = 0;
    uint64_t bytes = 0;           // in use
    uint64_t replaced_bytes = 0;  // of records that no revision leads to any more
    uint64_t gone_bytes = 0;      // of records of obliterated series, when it was searched for them
    uint64_t searched = 0;        // `obliterations` then
  };
  struct Run {
    uint32_t number = 0;
    uint64_t entries = 0;
  };
  /// A file whose records all lie elsewhere now, or nowhere.
  struct Moved {
    uint32_t number = 0;
    uint32_t packed = 0;  // where they lie
  };

  CommitId watermark;
  uint32_t next_number = 1;  // of a file
  uint64_t series = 0;
  uint64_t obliterations = 0;  // ever
  uint32_t open_file = 0;      // the file that goes on being written; 0 for none
  std::vector<RecordFile> files;
  std::vector<Moved> moved;
  std::vector<Run> runs;  // the newest first
};

inline constexpr char kManifestName[] = "manifest";

/// Put `manifest` in the place of the one before, durably. Errors: as store::WriteFileAtomically.
Status WriteManifest(store::FileSystem* files, const std::string& folder, const Manifest& manifest);
/// Read it; none where there is no base. Errors: kDataLoss / kChecksumMismatch; kFailedPrecondition
/// / kFormatTooNew.
Result<std::optional<Manifest>> ReadManifest(store::FileSystem* files, const std::string& folder);

}  // namespace firth::timeview
