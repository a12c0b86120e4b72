// When the time view is made durable, so that a start replays little and logs can be trimmed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "firth/catalog/catalog.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/table/base_rounds.h"
#include "firth/timeview/time_view.h"

namespace firth::table {

struct DatabaseOptions;

/// Publishes bases in the background, names them in the catalog, and takes back the space of nodes
/// that nothing leads to. Thread-safe.
class SeriesBases {
 public:
  struct Names {
    std::string base;  // the catalog's value that names the last base
    const char* view;  // as messages name it
  };
  /// `apply_mutex` guards the view's writer. While it is held, `before` is called before each base
  /// is made and `after` when it is there; both may be empty.
  SeriesBases(const DatabaseOptions& options, catalog::Catalog* catalog, timeview::TimeView* view,
              std::mutex* apply_mutex, Names names, std::function<Status()> before = nullptr,
              std::function<void()> after = nullptr);

  /// The commit of the last base, as the catalog has it; 0 for none. That of the files may be
  /// later, never earlier.
  static Result<CommitId> Named(catalog::Catalog* catalog, const std::string& base);

  void Start() { rounds_.Start(); }
  /// Publish what is left, and begin nothing more. Blocks.
  void Stop();
  /// `bytes` of edits were applied. Does not block.
  void Applied(uint64_t bytes) { rounds_.Applied(bytes); }
  /// A series was obliterated: there is space to take back.
  void Obliterated();
  /// Publish a base now. Blocks. Errors: kDiskFull; kIo, after which the process is to end.
  Status Cut();
  /// While this is held no base is published, and the files that the last one names stay as they
  /// are.
  std::unique_lock<std::mutex> Hold() { return std::unique_lock(cut_mutex_); }

 private:
  Status CutLocked();
  Status Reclaim();

  catalog::Catalog* const catalog_;
  timeview::TimeView* const view_;
  std::mutex* const apply_mutex_;
  const Names names_;
  const std::function<Status()> before_;
  const std::function<void()> after_;
  std::mutex cut_mutex_;  // taken before apply_mutex_
  const std::function<void(const Status&)> on_fatal_;
  std::atomic<bool> obliterated_{false};
  BaseRounds rounds_;
};

}  // namespace firth::table
