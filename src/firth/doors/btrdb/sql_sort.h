// Sorting more than fits in memory: sorted runs in a file without a name, merged when they are
// read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/doors/btrdb/sql_space.h"

namespace firth::doors::btrdb {

/// Pairs of bytes, by their keys' bytes; those of equal keys in the order in which they were added.
/// Errors: kOverBudget where they take more disk than a statement may, kDiskFull, kIo, kCancelled.
class SortedRecords {
 public:
  /// Of all records only the first `wanted` are asked for. `space` outlives this.
  explicit SortedRecords(SqlSpace* space, uint64_t wanted = UINT64_MAX)
      : space_(space), wanted_(wanted), held_(space->memory) {}

  Status Add(std::string_view key, std::string_view value);
  /// Visit the records until `visit` says false or fails; they stay valid for that call. Nothing is
  /// added afterwards.
  using Visit = std::function<Result<bool>(std::string_view key, std::string_view value)>;
  Status ForEach(const Visit& visit);

 private:
  /// In memory; the value's bytes follow the key's.
  struct Entry {
    const char* bytes = nullptr;
    uint32_t key_bytes = 0;
    uint32_t value_bytes = 0;
    uint64_t number = 0;  // in the order of Add

    std::string_view key() const { return {bytes, key_bytes}; }
    std::string_view value() const { return {bytes + key_bytes, value_bytes}; }
  };
  /// A part of the file.
  struct Run {
    uint64_t begin = 0;
    uint64_t end = 0;
    int level = 0;  // of how many merges it is the outcome
  };
  class RunReader;
  class RunWriter;

  /// What an entry takes; a vector that grows is there twice for a moment.
  static uint64_t BytesOf(uint64_t record_bytes) { return record_bytes + 3 * sizeof(Entry); }
  /// Count memory; false where it is more than was to be had.
  bool Hold(uint64_t bytes);
  /// Let go of those in memory.
  void Forget();
  void Sort();
  /// Of those in memory, which are sorted, keep what is wanted.
  void Cut();
  char* Allocate(size_t bytes);
  void Append(std::string_view key, std::string_view value);
  Status MakeRoom();
  Status WriteRun();
  /// Make one run of the last ones of one level, where they are many.
  Status MergeLast();
  Status Merge(size_t first_run, const Visit& visit);

  SqlSpace* const space_;
  const uint64_t wanted_;
  SqlHeld held_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* chunk_at_ = nullptr;
  size_t chunk_left_ = 0;
  std::vector<Entry> entries_;
  uint64_t in_memory_bytes_ = 0;
  uint64_t unheld_bytes_ = 0;  // of those
  uint64_t added_ = 0;
  std::unique_ptr<store::File> file_;
  uint64_t file_bytes_ = 0;
  std::vector<Run> runs_;  // older records before newer ones
};

}  // namespace firth::doors::btrdb
