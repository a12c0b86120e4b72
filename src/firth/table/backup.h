// A copy of a whole store at one commit, taken while it is in use; putting it back; and looking at
// every byte of a store.
#pragma once

#include <cstdint>
#include <string>

#include "firth/table/database.h"

namespace firth::table {

/// The file of a backup that lists the others with their checksums; written last.
inline constexpr char kBackupManifest[] = "backup.manifest";

struct BackupReport {
  CommitId commit;  // all commits up to it are in the backup, and none after it
  uint64_t files = 0;
  uint64_t bytes = 0;
};

/// Copy the store to `folder` of this machine, which must be absent or empty; durable on return.
/// Writers wait while the catalog is copied; all else goes on. What other processes could make anew
/// (working files, endpoints) is left out. A backup without its manifest is none. Blocks. Errors:
/// kInvalidArgument for a folder that is in use, kDataLoss, kDiskFull, kIo.
Result<BackupReport> BackUp(Database* database, const std::string& folder);

/// Copy the backup in `backup` to the folder `data`, which must be absent or empty, and verify
/// every file on the way; durable on return. On an error `data` may hold a part: it has no
/// `journal` then. Errors: kFileMissing where there is no backup; kDataLoss names the file;
/// kFormatTooNew.
Result<BackupReport> RestoreBackup(const std::string& backup, const std::string& data);

struct CheckReport {
  CommitId last_commit;
  uint64_t tables = 0;
  uint64_t logs = 0;
  uint64_t log_files = 0;
  uint64_t commits = 0;  // with entries
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t catalog_pages = 0;
  uint64_t lake_files = 0;
  uint64_t files = 0;
};

/// Read and verify every byte that the store holds: the journal and its indexes, the catalog's
/// pages, lake files and registered files; and that every log is dense from its start to its end.
/// For a store that nobody else uses. Blocks. Error kDataLoss names what is damaged.
Result<CheckReport> CheckStore(Database* database);

}  // namespace firth::table
