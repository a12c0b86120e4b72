// Where in the code the disk is used, and at which of these places the power went.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace firth::sim {

/// A point is a chain of calls in our code that leads to an operation on the disk; its place is the
/// last line outside of the store's own twin. Thread-safe.
class CutPoints {
 public:
  struct Count {
    uint64_t visits = 0;
    uint64_t cuts = 0;
  };

  /// An operation on the disk is about to be done. Called from a fault hook; gives the point's
  /// number.
  uint64_t Visit();
  /// The power goes there.
  void Cut(uint64_t point);
  /// Distinct chains of calls at which the power went.
  uint64_t distinct() const;
  /// By file and line of the source. Asks addr2line, so it takes seconds; empty where there is
  /// none.
  std::map<std::string, Count> Places() const;
  /// The points of the places at which the power never went, each with its place.
  std::map<uint64_t, std::string> NeverCut() const;

 private:
  using Chain = std::vector<void*>;
  struct Point {
    Chain chain;
    Count count;
  };
  std::map<std::string, std::vector<uint64_t>> PointsOfPlaces() const;  // mutex_ is held

  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, Point> points_;  // guarded by mutex_; by a hash of the chain
};

}  // namespace firth::sim
