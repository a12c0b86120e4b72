// The registry of files of rows: what is known of each, under a number that is never given again.
// Logs and snapshots name files by that number, never by a path, so that a file can lie in several
// places. A record is a small named value of the catalog; docs/formats/files.md shows it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/ids.h"
#include "firth/common/status.h"

namespace firth::catalog {

/// A file of rows, from 1 on. Never reused in a store.
using FileId = StrongId<struct FileIdTag, int64_t>;

/// One place where a file's bytes lie.
struct FileLocation {
  std::string root;   // "": the store's own folder; "local": the operating system's tree
  std::string path;   // within the root
  bool owned = true;  // removed when nothing names the file; others were registered where they lie

  bool operator==(const FileLocation&) const = default;
};

/// Bytes of a file that one checksum covers; the last block may be shorter.
inline constexpr uint64_t kFileBlockBytes = uint64_t{1} << 20;

/// What is known of a file. Its bytes never change.
struct FileInfo {
  FileId id;
  std::string format;                 // parquet, csv, tsv, psv, json (an object a line), feather
  std::string encoding = "identity";  // or gzip; text of the CSV family has no line of names
  uint64_t bytes = 0;
  int64_t rows = 0;
  std::vector<std::string> columns;  // the file's own, in its order
  std::vector<uint64_t> blocks;      // XXH3-64 of each kFileBlockBytes
  uint64_t hash = 0;                 // XXH3-64 of the blocks' checksums: of the content as a whole
  std::vector<FileLocation> locations;
  std::string statistics;  // a JSON object: column to {"n": nulls, "min", "max"}, or empty
  int64_t made_ns = 0;

  bool operator==(const FileInfo&) const = default;
};

/// The name of a file's record among the catalog's values; records are ordered by id. `kFilesBegin`
/// and `kFilesEnd` hold them all between them.
std::string FileValueName(FileId id);
inline constexpr char kFilesBegin[] = "file/";
inline constexpr char kFilesEnd[] = "file0";

std::string EncodeFile(const FileInfo& file);
/// Error kDataLoss for what EncodeFile does not write.
Result<FileInfo> DecodeFile(std::string_view text);

}  // namespace firth::catalog
