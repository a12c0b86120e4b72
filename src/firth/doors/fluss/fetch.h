// FetchLog: give stored batches, or wait for them without a thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "firth/doors/fluss/connection.h"
#include "firth/doors/fluss/fetch_messages.h"
#include "firth/doors/fluss/request.h"

namespace firth::doors::fluss {

/// One FetchLog request until it is answered. It looks; if there is too little, it is parked with a
/// follower of the logs and a timer, and looks again when either wakes it.
class LogFetch : public Parked, public std::enable_shared_from_this<LogFetch> {
 public:
  LogFetch(RequestPtr request, FetchLogRequest asked)
      : request_(std::move(request)), asked_(std::move(asked)) {}

  /// Look, and answer or wait. Blocks on the disk. `last`: answer with what there is.
  void Look(bool last);

  void Drop() override;
  void Hurry() override;

 private:
  struct Found;

  Found Find() const;
  bool IsEnough(const Found& found) const;
  void Answer(Found found);
  void Wait(const Found& found);
  void Wake(bool last);
  /// Forget what would wake it. True for the first caller, who may answer.
  bool End();

  const RequestPtr request_;
  const FetchLogRequest asked_;
  std::mutex mutex_;
  bool ended_ = false;       // guarded by mutex_
  bool looking_ = false;     // guarded by mutex_
  bool look_again_ = false;  // guarded by mutex_
  bool last_ = false;        // guarded by mutex_
  bool parked_ = false;      // guarded by mutex_
  uint64_t follower_ = 0;    // guarded by mutex_
  uint64_t timer_ = 0;       // guarded by mutex_
};

}  // namespace firth::doors::fluss
