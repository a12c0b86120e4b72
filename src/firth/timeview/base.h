// The durable side of a view: its files, its directory, and the manifest that makes them a base.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/timeview/directory.h"
#include "firth/timeview/head_writer.h"
#include "firth/timeview/manifest.h"
#include "firth/timeview/node_cache.h"
#include "firth/timeview/node_files.h"
#include "firth/timeview/series_head.h"
#include "firth/timeview/time_view.h"

namespace firth::timeview {

/// Readers (Source, Find) are thread-safe; there is one writer for the rest.
class Base {
 public:
  /// Open the last base, or begin anew, and remove the files that it does not name. Errors: as
  /// TimeView::Open.
  static Result<std::unique_ptr<Base>> Open(const TimeViewOptions& options);
  ~Base();

  /// Where nodes are read from now. It stays good for everything that could be reached when it was
  /// taken.
  std::shared_ptr<const FileNodeSource> Source() const;
  /// As SetHelpers of a view.
  void SetHelpers(Executor* helpers);
  /// Does something since then make another source needed?
  bool IsCurrent(const std::shared_ptr<const FileNodeSource>& source) const {
    return Source() == source;
  }
  const Directory& directory() const { return *directory_; }
  NodeCache* cache() { return cache_.get(); }
  /// The writer's.
  GrowRoom* grow_room() { return &grow_room_; }
  CommitId watermark() const;
  uint64_t series() const;

  /// Write heads' nodes, and the heads themselves if `records`, into files, and let the heads read
  /// from there. On error those that were not written stay as they are. Nothing is durable yet.
  Status WriteHeads(const std::vector<std::shared_ptr<SeriesHead>>& heads, bool records);
  /// A series is gone.
  void Obliterate(const SeriesId& series);
  /// Nodes can no longer be reached from any revision.
  void AddDead(const std::vector<NodeAddress>& addresses);
  void AddSeries(int64_t count);

  /// Publish what was written as the base at `watermark`. After a failed sync nothing can be
  /// written any more: failed() says so.
  Status Publish(CommitId watermark);
  Status failed() const;

  /// Rewrite or remove files that are mostly dead, about `bytes_max` of them at most, and publish
  /// that. Everything was published before. `is_live` tells whether anything leads to a record.
  using IsLive = std::function<Result<bool>(const RecordHeader&, const NodeAddress&)>;
  Result<Reclaimed> Reclaim(uint64_t bytes_max, const IsLive& is_live);

  void AddStats(TimeViewStats* stats) const;

 private:
  struct FileState {
    NodeFilePtr file;
    uint64_t bytes = 0;           // in use
    uint64_t replaced_bytes = 0;  // of records that no revision leads to any more
    uint64_t gone_bytes = 0;      // of records of obliterated series, when it was searched for them
    uint64_t searched = 0;        // obliterations until then

    uint64_t dead_bytes() const { return std::min(bytes, replaced_bytes + gone_bytes); }
  };

  explicit Base(const TimeViewOptions& options);
  Status Load(const Manifest& manifest);
  Status RemoveStrangers();
  Manifest MakeManifest(CommitId watermark, const std::vector<DirectoryRunPtr>& runs) const;
  /// Note files that were begun, and let readers find them.
  void AdoptNewFiles();
  void ShareTable();
  Status FlushHeads(std::vector<std::pair<std::shared_ptr<SeriesHead>, HeadImage>>* batch);
  /// Sync, write the manifest, and remove `gone` and what it does not name any more.
  Status PublishFiles(CommitId watermark, std::vector<std::string> gone);
  Status Fail(Status status);
  /// Learn how much of a file belongs to series that are gone.
  Status Search(uint32_t number);
  std::vector<uint32_t> ChooseVictims(uint64_t bytes_max) const;
  /// Copy what lives in `victims` to the packed file `number`; none if nothing does.
  Result<FileState> Pack(const std::vector<uint32_t>& victims, uint32_t number,
                         const IsLive& is_live);
  std::string PathOf(FileKind kind, uint32_t number) const;

  store::FileSystem* const files_;
  const std::string folder_;
  const std::shared_ptr<NodeCache> cache_;
  std::shared_ptr<ReadHelpers> helpers_;  // guarded by mutex_; if there are any
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<NodeWriter> writer_;
  PayloadEncoder encoder_;
  GrowRoom grow_room_{cache_->memory(), &encoder_};
  std::unique_ptr<HeadWriter> head_writer_;
  uint64_t file_bytes_max_ = 0;
  uint32_t next_number_ = 1;

  mutable std::mutex mutex_;
  std::shared_ptr<const FileNodeSource> source_;  // guarded by mutex_
  CommitId watermark_;                            // guarded by mutex_
  Status failed_;                                 // guarded by mutex_; set by the writer
  uint64_t series_ = 0;                           // guarded by mutex_
  uint64_t obliterations_ = 0;                    // guarded by mutex_
  uint64_t written_bytes_ = 0;                    // guarded by mutex_
  std::map<uint32_t, FileState> file_states_;     // guarded by mutex_; by number
  std::map<uint32_t, uint32_t> moved_;  // guarded by mutex_; to the packed file of a file's records
};

}  // namespace firth::timeview
