// How each revision of a series is found again.
//
// A tree that only had points added behind its last one still shows every state that it went
// through: revision r is the tree up to the time where r ended. So most revisions need one number,
// the cut, and old roots need not be kept. Where points were added before the last one, or removed,
// the tree before is kept as a root, and the edits that led on from it are kept as they came:
//
//   cuts 10 11 12 13 | root 13 | edits 14 15 16 | cuts 16 17 18 … the tree that grows now
//
// A revision with a cut is the next root (or the growing tree) up to the cut; one with edits is the
// root before them and the edits up to it. A single large write that was not added behind the last
// point is a step: its edits are not kept, the trees before and after it are.
//
// Points that come a little late are too common for that. Where a revision only added points, some
// of them between others but none at the time of another, the tree before is not kept but undone:
// what is kept is a list of those late times, and earlier revisions are the tree without them.
//
//   cuts 10 11 | late 12 | cuts 12 13 | late 14 | cuts 14 … : 11 is the tree up to its cut, without
//   what was late in 12 and 14
//
// Now and then a root is kept all the same, so that not too many are left out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/timeview/node.h"
#include "firth/timeview/overlay.h"

namespace firth::timeview {

/// Cuts in one item at most.
inline constexpr size_t kCutsMax = 1024;
/// Lists of late times that are left out of one tree at most.
inline constexpr size_t kLateItemsMax = 1024;

struct HistoryItem {
  enum class Kind : uint8_t { kCuts = 1, kRoot = 2, kEdits = 3, kStep = 4, kLate = 5 };

  Kind kind = Kind::kCuts;
  bool removes = false;  // edits, step: points went
  int64_t first = 0;     // the revisions that it is about, both inclusive
  int64_t last = 0;
  std::vector<int64_t> cuts;             // cuts: one a revision
  NodeLink root;                         // root
  int64_t end = 0;                       // root: there are no points at or after it
  NodeAddress address;                   // edits, late, once they are in a file
  std::shared_ptr<const EditRun> edits;  // edits, until then
  // Late, until then: as its record is to be, one edit whose values mean nothing.
  std::shared_ptr<const std::string> coded;
};

/// A record of items, or a record of references to such records one level down.
struct HistoryBlock {
  NodeAddress address;
  int64_t first = 0;      // the `first` of its first item
  int64_t last = 0;       // the greatest `last` of its items
  int64_t last_root = 0;  // the last revision with a root in it; 0 for none
  bool removes = false;   // does any of its items?
  bool late = false;      // is any of its items late times?
};

/// Blocks that one index record takes.
inline constexpr size_t kHistoryFanOut = 64;

/// Revisions of a series up to that of its tree. What is old is in records: level 0 holds
/// references to records of items, level n to records of 64 references to level n - 1; higher
/// levels are older, and what is in no record yet is newest. Written by one thread; copied to be
/// read.
class History {
 public:
  /// The empty series.
  History() { AddCut(kEmptyRevision, kTimeMin); }
  /// One that was written before. Error kDataLoss when it cannot be one.
  static Result<History> Make(std::vector<std::vector<HistoryBlock>> levels,
                              std::vector<HistoryItem> items);

  void AddCut(int64_t revision, int64_t cut);
  void AddRoot(int64_t revision, const NodeLink& root, int64_t end);
  /// Edits that make revisions from `first` on.
  void AddEdits(int64_t first, std::shared_ptr<const EditRun> edits);
  void AddStep(int64_t revision, bool removes);
  /// So many points that `revision` added between others, at times where there were none, coded.
  void AddLate(int64_t revision, std::shared_ptr<const std::string> coded, size_t times);
  /// May so many late times be left out of the tree that grows, or should a root be kept?
  bool CanAddLate(size_t times, size_t items, size_t times_max) const {
    return late_times_ + times <= times_max && late_items_ + items <= kLateItemsMax;
  }

  const std::vector<std::vector<HistoryBlock>>& levels() const { return levels_; }
  const std::vector<HistoryItem>& items() const { return items_; }

  // For the one that writes it to files.
  std::vector<HistoryItem>* mutable_items() { return &items_; }
  std::vector<std::vector<HistoryBlock>>* mutable_levels() { return &levels_; }

 private:
  void Add(HistoryItem item);

  std::vector<std::vector<HistoryBlock>> levels_;
  std::vector<HistoryItem> items_;  // by `first` ascending
  int64_t last_ = 0;                // the last revision that is told of
  // Since the last root. Of a history that was read again nobody counted them: a root comes first.
  size_t late_times_ = 0;
  size_t late_items_ = 0;
};

}  // namespace firth::timeview
