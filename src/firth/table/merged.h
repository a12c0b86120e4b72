// What the steps of an open transaction make of a table with a key, and a table as it stood, as
// files.
#pragma once

#include "firth/table/database.h"
#include "firth/table/deltas.h"
#include "firth/table/steps.h"

namespace firth::table {

/// Cut the current rows of a table with a key as of a commit, with the steps' rows on top, into a
/// file. It can be read for an hour. The steps' rows are held in memory. Blocks. Right: read.
/// Errors: kOverBudget; those of ScanRange.
Result<FileInfo> CutMerged(Database* database, const Caller& caller, const OverlaidTable& table,
                           CommitId at);

/// The rows of a table as of a commit as Parquet files that can be added to it again, under a wider
/// schema too. Blocks. Right: read.
Result<FileSet> FilesAsOf(Database* database, const Caller& caller, const TablePtr& table,
                          CommitId at);

}  // namespace firth::table
