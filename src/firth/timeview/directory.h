// Where the head of each series lies: sorted files of (id, address), newer ones before older ones,
// and in memory what no base names yet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/store/file_system.h"
#include "firth/timeview/node.h"
#include "firth/timeview/series.h"
#include "firth/timeview/series_map.h"

namespace firth::timeview {

/// A series, and where its head is. No address: it was obliterated.
struct DirectoryEntry {
  SeriesId series;
  NodeAddress head;
};

/// One sorted file. It is read block by block; in memory is only the first id of each block.
/// Immutable, thread-safe.
class DirectoryRun {
 public:
  /// Write a run of sorted entries, durable but for its name.
  class Writer;
  /// Open a run of `entries` entries. Errors: kDataLoss, kIo; they name the file.
  static Result<std::shared_ptr<const DirectoryRun>> Open(store::FileSystem* files,
                                                          std::string path, uint32_t number,
                                                          uint64_t entries);

  uint32_t number() const { return number_; }
  uint64_t entries() const { return entries_; }
  const std::string& path() const { return path_; }
  Result<std::optional<DirectoryEntry>> Find(const SeriesId& series) const;
  uint64_t blocks() const { return firsts_.size(); }
  static constexpr size_t kBlockBytes = 4096;
  using BlockRoom = std::array<std::byte, kBlockBytes>;
  /// Read a block; gives how many entries it has.
  Result<size_t> ReadBlock(uint64_t block, BlockRoom* room) const;
  static DirectoryEntry EntryOf(const BlockRoom& room, size_t index);

 private:
  store::FileSystem* files_ = nullptr;
  std::string path_;
  uint32_t number_ = 0;
  uint64_t entries_ = 0;
  std::shared_ptr<store::File> file_;
  std::vector<SeriesId> firsts_;
};
using DirectoryRunPtr = std::shared_ptr<const DirectoryRun>;

class DirectoryRun::Writer {
 public:
  static Result<Writer> Create(store::FileSystem* files, std::string path, uint32_t number);
  Status Add(const DirectoryEntry& entry);
  /// Write the rest, make it durable, and open the run.
  Result<DirectoryRunPtr> Finish();

 private:
  Writer() = default;
  Status WriteBlock();

  store::FileSystem* files_ = nullptr;
  std::string path_;
  uint32_t number_ = 0;
  std::unique_ptr<store::File> file_;
  uint64_t position_ = 0;
  uint64_t entries_ = 0;
  std::string buffer_;
  std::vector<DirectoryEntry> block_;
  std::vector<SeriesId> firsts_;
};

/// Readers are thread-safe; there is one writer.
class Directory {
 public:
  Directory(store::FileSystem* files, std::string folder, std::vector<DirectoryRunPtr> runs)
      : files_(files), folder_(std::move(folder)), runs_(std::move(runs)) {}

  /// The head of a series; none if there is no such series. Errors: as DirectoryRun::Open.
  Result<std::optional<NodeAddress>> Find(const SeriesId& series) const;
  /// Note where a head is now; no address: nowhere. Seen at once, durable with the next base.
  void Put(const SeriesId& series, const NodeAddress& head);
  size_t unpublished() const;

  /// What a new base is to name instead: what is in memory written as a new run, and runs of like
  /// size made one.
  struct Next {
    std::vector<DirectoryRunPtr> runs;
    std::vector<DirectoryRunPtr> gone;  // of those before
    std::vector<std::string> made;      // files
    size_t taken = 0;                   // entries of memory that are in `runs`
  };
  /// Write it; the files are durable, their names are not. Nothing that Find sees changes.
  Result<Next> Prepare(uint32_t* next_number);
  /// Remove the files of what is not to be published.
  void Discard(const Next& next);
  /// The base names it now. Nothing was Put in between.
  void Publish(Next next);

  std::vector<DirectoryRunPtr> runs() const;

 private:
  Status WriteRuns(std::vector<DirectoryEntry> entries, uint32_t* next_number, Next* next);
  Result<DirectoryRunPtr> Join(const DirectoryRun& newer, const DirectoryRun& older, bool drop_gone,
                               uint32_t number, Next* next) const;
  std::string PathOf(uint32_t number) const;

  store::FileSystem* const files_;
  const std::string folder_;
  mutable std::mutex mutex_;
  SeriesMap<NodeAddress> unpublished_;  // guarded by mutex_
  std::vector<DirectoryRunPtr> runs_;   // guarded by mutex_; the newest first
};

}  // namespace firth::timeview
