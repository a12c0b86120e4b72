// A line on standard error that tells how far long work has come.
#pragma once

#include <cstdint>
#include <string>

#include "firth/common/clock.h"

namespace firth::cli {

/// On a terminal the line is drawn over itself, a few times a second; elsewhere a line is written
/// every ten seconds. Quick work shows nothing.
class Progress {
 public:
  /// `verb` says what is done: "loading".
  Progress(const Clock* clock, std::string verb);
  /// Clears the line.
  ~Progress();

  /// `rows` so far, below 0 where they are not what counts; `part` of the work is done, 0 to 1,
  /// below 0 where nobody knows.
  void Update(int64_t rows, double part);
  double seconds() const;

 private:
  const Clock* const clock_;
  const std::string verb_;
  const bool terminal_;
  const int64_t start_ns_;
  int64_t next_ns_;
  bool drawn_ = false;
};

/// "1,234,567 rows, 45%, 310,000 rows/s, 12 s left".
std::string ProgressText(int64_t rows, double part, double seconds);

}  // namespace firth::cli
