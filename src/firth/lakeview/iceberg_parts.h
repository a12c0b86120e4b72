// The parts of Iceberg metadata: schemas as JSON, manifests and lists of them as Avro.
#pragma once

#include <arrow/type.h>

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "firth/common/status.h"

namespace firth::lakeview {

/// A schema as Iceberg writes it; `stored` is one of stored_types.h. Raises `*last_id` to the
/// greatest field id. Error kUnimplemented names a column of a type that Iceberg lacks.
Result<nlohmann::json> IcebergSchema(const arrow::Schema& stored, int32_t schema_id,
                                     int32_t* last_id);

/// A data or delete file in a manifest.
struct IcebergFile {
  std::string path;  // absolute
  int64_t rows = 0;
  uint64_t bytes = 0;
  bool deletes = false;  // positions in other files
  bool added = false;    // by the snapshot that the manifest is for
  int64_t snapshot = 0;  // that added it
};

/// A manifest, and what its line in a list says.
struct IcebergManifest {
  std::string path;
  std::string bytes;
  bool deletes = false;
  int64_t least_sequence = 0;
  int64_t files_added = 0;
  int64_t files_existing = 0;
  int64_t rows_added = 0;
  int64_t rows_existing = 0;
};

/// A manifest of files that are all data or all deletes. Snapshot ids serve as sequence numbers.
/// `sync` is 16 random bytes.
IcebergManifest MakeManifest(std::string path, const std::vector<IcebergFile>& files, bool deletes,
                             const std::string& schema_json, const std::string& sync);

/// The list of a snapshot's manifests.
std::string MakeManifestList(int64_t snapshot, int64_t parent,
                             const std::vector<IcebergManifest>& manifests,
                             const std::string& sync);

}  // namespace firth::lakeview
