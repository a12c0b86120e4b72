// A lake's snapshots as Iceberg tables (format version 2), for engines that know nothing of us.
//
// One set of data files, two tables: `history` has every row of the logs, with the hidden columns;
// `current` has the rows that are current: of an edition without a key all, of a keyed one those
// that nothing supersedes, the others masked by position deletes. In the edition's folder each has
// <reading>/metadata/: v<snapshot>.metadata.json, manifest lists, manifests and delete files, and a
// file version-hint.text with the newest version. All of it can be made again from the snapshot.
#pragma once

#include <string>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/lakeview/snapshot.h"
#include "firth/store/file_system.h"

namespace firth::lakeview {

enum class Reading { kHistory, kCurrent };

struct IcebergPlace {
  store::FileSystem* files = nullptr;
  std::string folder;   // the edition's
  std::string root;     // the folder of the operating system that `files` are in
  int64_t keep_ns = 0;  // snapshots that were the newest within this are listed
  int64_t now_ns = 0;
};

/// Where the newest metadata of a reading is, in `files`; it may not exist.
std::string IcebergMetadataPath(const std::string& folder, Reading reading, int64_t snapshot);

/// Write the metadata of a snapshot, durably, and remove what no listed snapshot needs. Doing it
/// again is fine. Errors: kUnimplemented for a column of a type that Iceberg lacks; kDiskFull; kIo.
Status PublishIceberg(const IcebergPlace& place, const catalog::EditionInfo& edition,
                      const Snapshot& snapshot, Reading reading);

}  // namespace firth::lakeview
