// The list of a base's files, as bytes (docs/formats/keyview.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/ids.h"
#include "firth/common/status.h"

namespace firth::keyview {

/// One file of a base: what the view calls it, and what must be in it.
struct BaseFile {
  std::string name;
  uint64_t bytes = 0;
  uint64_t hash = 0;  // Hash64 of the bytes

  /// Its name among the files of all bases: the same content has the same name.
  std::string StoredName() const;
};

struct BaseManifest {
  uint64_t number = 0;
  /// The base holds every change of the commits up to this one, and possibly later ones.
  CommitId commit{0};
  std::vector<BaseFile> files;

  std::string StoredName() const;
};

std::string EncodeManifest(const BaseManifest& manifest);
/// Error kChecksumMismatch for bytes that are not a whole manifest, kFormatTooNew for a newer one.
Result<BaseManifest> ParseManifest(std::string_view bytes);

}  // namespace firth::keyview
