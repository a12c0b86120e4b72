// What a lake holds of an edition at one commit, and the manifest that says so at rest.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/lakeview/lake_file.h"

namespace firth::lakeview {

/// A file that later snapshots do without, kept for readers that found its name in an earlier one.
struct Superseded {
  LakeFilePtr file;
  int64_t since_ns = 0;
};

/// Immutable once published; holds its files.
struct Snapshot {
  EditionId edition;
  int64_t id = 0;       // from 1 on, rising
  CommitId commit{0};   // the watermark: every row of commits up to it, and none of later ones
  int64_t time_ns = 0;  // when it was made
  std::vector<LakeFilePtr> files;  // by log, then by begin
  std::map<LogId, Offset> ends;    // up to where each log is in the files; absent: nothing is
  std::vector<Superseded> superseded;
  std::string manifest;  // the path of its manifest

  int64_t rows() const;
  uint64_t bytes() const;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

/// What the catalog keeps of the newest snapshot of an edition.
struct Head {
  int64_t id = 0;
  CommitId commit{0};
  int64_t time_ns = 0;
  int64_t rows = 0;
  std::string manifest;  // the name of its manifest, without the folder
  uint64_t bytes = 0;    // of the manifest
  uint64_t hash = 0;     // XXH3-64 of the manifest

  std::string ToText() const;
  static Result<Head> Parse(std::string_view text);
};

/// The text of a manifest, and back; paths of files are those in `folder`. docs/formats/lake.md has
/// the format. Parse checks nothing against the head. Error kDataLoss.
std::string ManifestText(const Snapshot& snapshot);
Result<Snapshot> ParseManifest(std::string_view text, store::FileSystem* files,
                               const std::string& folder);

}  // namespace firth::lakeview
