// Does anything still lead to a record?
#pragma once

#include "firth/common/status.h"
#include "firth/timeview/base.h"
#include "firth/timeview/open_series.h"

namespace firth::timeview {

/// Asked by the writer right after a checkpoint, so that everything there is is in files.
///
/// A node was first in the tree of the revision that it carries. As long as it is not replaced it
/// is in every later tree; once it was, it never comes back. So only the first tree that was kept
/// at or after that revision has to be looked into, and only along the path to the node's time.
class Liveness {
 public:
  Liveness(Base* base, OpenSeries* open) : base_(base), open_(open) {}

  /// Errors: as FileNodeSource::Load, when what would lead to the record cannot be read.
  Result<bool> IsLive(const RecordHeader& header, const NodeAddress& address);

 private:
  struct Series {
    HeadPtr head;  // none: there is no such series
    SeriesHead::Roots roots;
  };
  Status LookAt(const SeriesId& series);

  Base* const base_;
  OpenSeries* const open_;
  // Records of a series often lie together.
  SeriesId series_;
  bool known_ = false;
  Series at_;
};

}  // namespace firth::timeview
