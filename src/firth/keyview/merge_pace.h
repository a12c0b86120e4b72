// How fast files are merged: so that it goes on evenly beside requests, rather than in pieces that
// take a processor for many seconds.
#pragma once

#include <cstdint>
#include <optional>

namespace firth::keyview {

/// A merge begins when enough files have been written, and is to be done by the time that some more
/// have. Files come as fast as rows are changed; how fast that is, the last of them tell. One
/// thread at a time.
class MergePace {
 public:
  static constexpr int64_t kBytesPerSecondMin = int64_t{32} << 20;
  static constexpr int64_t kBytesPerSecondMax = int64_t{192} << 20;

  /// A merge is done when this many more files have been written.
  explicit MergePace(int files_meanwhile) : files_meanwhile_(files_meanwhile) {}

  /// A file was written: how many bytes a second are to be merged from now on, if a merge writes
  /// `merge_bytes`, and `files_behind` more files wait than those that a merge takes.
  int64_t FileWritten(int64_t now_ns, uint64_t merge_bytes, int64_t files_behind);

 private:
  const int files_meanwhile_;
  std::optional<int64_t> last_ns_;
  double between_s_ = 0;  // from file to file, the last ones more than those before; 0: not known
};

}  // namespace firth::keyview
