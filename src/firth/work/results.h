// What jobs give out: rows of bytes, each with a time, in the order in which they came, to be read
// by their number for as long as the job is remembered.
//
// At rest: folder/<hex of the id>. "FRS1", then pages: rows as u32 length, i64 time, the bytes.
// Behind them the index, for each page u64 position, u64 bytes, u64 rows before it, u64 XXH3 of the
// page; then u64 position of the index, u64 its pages, u64 rows, u64 XXH3 of the index and the
// three numbers. All little-endian. A file that is not whole has no name of this form.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::work {

struct ResultRow {
  std::string bytes;
  int64_t time = 0;
};

/// Writes one result, page by page. One thread at a time. Given up: nothing is left.
class ResultWriter {
 public:
  ~ResultWriter();
  /// Errors: kOverBudget beyond the bytes that a result may have; kDiskFull.
  Status Append(std::string_view bytes, int64_t time);
  /// Make it durable under its name.
  Status Finish();
  int64_t rows() const { return rows_; }

 private:
  friend class Results;
  ResultWriter() = default;
  Status Flush();

  store::FileSystem* files_ = nullptr;
  std::string folder_, path_;
  std::unique_ptr<store::File> file_;
  std::string page_, index_;
  uint64_t position_ = 0;
  uint64_t bytes_max_ = 0;
  int64_t rows_ = 0;
  int64_t page_first_ = 0;
  uint64_t pages_ = 0;
};

/// Thread-safe; all calls block.
class Results {
 public:
  Results(store::FileSystem* files, std::string folder)
      : files_(files), folder_(std::move(folder)) {}

  /// Make the folder, and remove what a crash left unfinished.
  Status Open();
  Result<std::unique_ptr<ResultWriter>> Create(const std::string& id, uint64_t bytes_max);
  /// Rows from number `from` on, at most `limit`. Errors: kFileMissing; kChecksumMismatch names the
  /// file.
  Result<std::vector<ResultRow>> Read(const std::string& id, int64_t from, int64_t limit);
  /// Removing an absent one is fine.
  Status Remove(const std::string& id);
  /// Ids of all results.
  Result<std::vector<std::string>> List();

 private:
  std::string PathOf(const std::string& id) const;

  store::FileSystem* const files_;
  const std::string folder_;
};

}  // namespace firth::work
