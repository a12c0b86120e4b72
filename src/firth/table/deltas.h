// A table as a list of files: what each commit added, as readers of files get it.
#pragma once

#include <cstdint>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/table/files.h"

namespace firth::table {

/// One file of a delta.
struct DeltaFile {
  FileInfo file;
  SchemaId schema_id;      // that its rows were written with
  bool rewritten = false;  // cut from rows; not a file that somebody gave
};

/// What a commit added to an edition, or what a run of commits of rows did.
struct Delta {
  CommitId commit;  // the last of the run
  int64_t commit_time_ns = 0;
  int64_t position = 0;  // of that commit among those of the edition, from 1 on
  bool ordered = false;
  std::vector<DeltaFile> files;
};

struct DeltaOptions {
  CommitId as_of = catalog::kNow;
  /// Show rows that lie in other formats than this as Parquet under the newest schema; empty: leave
  /// every file as it is.
  bool only_parquet = false;
  /// Show text that was written under an older schema as Parquet under the newest one: text has no
  /// names, so that it cannot be widened.
  bool rewrite_older_text = false;
};

/// Sizes of an edition as its files have them, without opening any.
struct DeltaTotals {
  int64_t deltas = 0;
  int64_t files = 0;
  int64_t rows = 0;
  uint64_t bytes = 0;
};

}  // namespace firth::table
