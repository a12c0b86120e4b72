// Files of rows: taking them into the store, and reading their rows.
//
// A file becomes part of a table in three steps. Its bytes are put into an upload folder (or lie
// somewhere already); `Take` opens it, reads every row, counts, hashes and syncs it; the commit
// that names its id carries its record. A file that was taken and never named is removed with its
// folder.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/catalog/files.h"
#include "firth/common/clock.h"
#include "firth/common/status.h"
#include "firth/format/reader.h"
#include "firth/store/file_system.h"
#include "firth/table/file_entry.h"

namespace firth::table {

using catalog::FileId;
using catalog::FileInfo;
using catalog::FileLocation;

/// Bytes that are to become a file of a table.
struct FileSource {
  FileLocation where;
  std::string format;
  std::string encoding = "identity";
  /// What the columns of text without names are, in order.
  std::vector<std::string> columns;
};

/// A file that was read wholly.
struct TakenFile {
  FileInfo info;
  std::vector<uint32_t> batches;
  /// Least and greatest record time, of the time column that was asked for; min > max: none.
  int64_t record_time_min_ns = INT64_MAX;
  int64_t record_time_max_ns = INT64_MIN;
  /// Every column has the very type of the schema, so that the file itself can stand for the rows.
  bool exact = true;
};

/// The rows of a file, in the batches of its entry, under the schema that they were written with.
class FileRowReader {
 public:
  virtual ~FileRowReader() = default;
  /// The next batch, or null at the end. Errors: kDataLoss when the file is not what its record
  /// says.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

class FileBytes;

/// Thread-safe. Calls block on the disk.
class FileStore {
 public:
  /// How long a file that nothing names any more can still be read.
  static constexpr int64_t kKeptNs = int64_t{3600} * 1'000'000'000;

  FileStore(store::FileSystem* files, catalog::Catalog* catalog, const Clock* clock)
      : files_(files), catalog_(catalog), clock_(clock) {}
  Status Open();

  // --- Uploads: folders that writers put bytes into.
  /// The folder of an upload, from the store's root. `name` has only letters, digits and dashes.
  static std::string UploadFolder(const std::string& name);
  /// Make an upload's folder. What keeps it is the value that KeepUpload gives.
  Status MakeUpload(const std::string& name);
  /// The change that keeps an upload until a time. An hour later everything in it goes that is not
  /// one of the files that became `named`.
  static catalog::ValueChange KeepUpload(const std::string& name, int64_t until_ns,
                                         const std::vector<FileInfo>& named = {});

  // --- Files.
  /// The columns that a file says it has, in plain types. Errors: kFileMissing; kInvalidSchema,
  /// kInvalidArgument for bytes that are not of its format.
  Result<std::shared_ptr<arrow::Schema>> SchemaOf(const FileSource& source);
  /// Read a file wholly under `schema`, count, check, hash and sync it, and give it an id. Nothing
  /// names it yet. Errors: as SchemaOf; kSchemaMismatch; kBadValue; kOverBudget for too many rows.
  Result<TakenFile> Take(const FileSource& source, const std::shared_ptr<arrow::Schema>& schema,
                         const std::string& time_column);
  /// The record of a file. Error kFileMissing.
  Result<FileInfo> Get(FileId id);
  /// The change that enters a file's record.
  static catalog::ValueChange Enter(const FileInfo& file);
  /// Columns of a file's rows in batches of these sizes, from batch `first` on; those that the file
  /// lacks are null. `written` is the schema of its entry, `columns` indices into it.
  Result<std::unique_ptr<FileRowReader>> Read(const FileInfo& file,
                                              const std::shared_ptr<arrow::Schema>& written,
                                              const std::vector<int>& columns,
                                              const std::vector<uint32_t>& batches,
                                              size_t first = 0);
  /// Batch `number` of an entry, all columns. Reading one after another is cheap.
  Result<std::shared_ptr<arrow::RecordBatch>> ReadBatch(
      const FileEntry& entry, SchemaId schema_id, const std::shared_ptr<arrow::Schema>& written,
      size_t number);
  /// Write rows to a new Parquet file of the store's own. Nothing names it yet.
  Result<FileInfo> Write(arrow::RecordBatchReader* rows);

  /// Remember that files can be let go of: they are removed when nothing has kept them for kKeptNs.
  static catalog::ValueChange LetGo(FileId id, int64_t now_ns);
  /// Something names it again: it is not let go of any more.
  static catalog::ValueChange Hold(FileId id);
  /// Somebody is to be told where this file lies: it stays for kKeptNs from now. False when it is
  /// just being removed.
  bool Keep(FileId file);
  /// Remove what nobody needs any more: files let go of, and what ended uploads left.
  Status Collect();

 private:
  struct Cursor {
    FileId file;
    SchemaId schema;
    size_t next = 0;
    std::unique_ptr<FileRowReader> rows;
  };

  Result<std::unique_ptr<format::FileReader>> OpenReader(const FileInfo& file,
                                                         format::ReadOptions options);
  Result<FileId> NewId();
  /// Make what is to be taken durable, with its name.
  Status SyncSource(const FileSource& source, FileBytes* bytes);
  Status CollectFile(FileId id, int64_t let_go_ns);
  Status CollectUpload(const std::string& name, const std::string& text);
  Status RemoveUnnamed(const std::string& folder, const std::vector<std::string>& named, int depth);
  /// Remove the folders that lie above a file that went, as far as they are empty.
  Status RemoveEmptyAbove(const std::string& path);
  /// Files of our own that a crash left before anything named them, and empty folders.
  Status RemoveStrays();

  store::FileSystem* const files_;
  catalog::Catalog* const catalog_;
  const Clock* const clock_;
  std::mutex mutex_;
  int64_t next_id_ = 0;                // guarded by mutex_
  int64_t ids_end_ = 0;                // guarded by mutex_
  std::vector<Cursor> cursors_;        // guarded by mutex_; the newest last
  std::map<FileId, FileInfo> known_;   // guarded by mutex_: records that were read, bounded
  std::map<FileId, int64_t> kept_ns_;  // guarded by mutex_: when somebody was told of a file
  std::set<FileId> going_;             // guarded by mutex_: being removed
  // Guarded by mutex_: the uploads that were made, in their order, and up to which of them their
  // folders' names are durable.
  std::map<std::string, uint64_t> uploads_made_;
  uint64_t uploads_count_ = 0;
  uint64_t uploads_synced_ = 0;
  int64_t opened_ns_ = 0;
};

}  // namespace firth::table
