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
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "firth/timeview/node.h"
#include "firth/timeview/overlay.h"

namespace firth::timeview {

/// Cuts in one item at most.
inline constexpr size_t kCutsMax = 1024;

struct HistoryItem {
  enum class Kind : uint8_t { kCuts = 1, kRoot = 2, kEdits = 3, kStep = 4 };

  Kind kind = Kind::kCuts;
  bool removes = false;  // edits, step: points went
  int64_t first = 0;     // the revisions that it is about, both inclusive
  int64_t last = 0;
  std::vector<int64_t> cuts;             // cuts: one a revision
  NodeLink root;                         // root
  int64_t end = 0;                       // root: there are no points at or after it
  NodeAddress address;                   // edits, once they are in a file
  std::shared_ptr<const EditRun> edits;  // until then
};

/// Revisions of a series up to that of its tree. Copied to be read; written by one thread.
class History {
 public:
  /// The empty series.
  History() { AddCut(kEmptyRevision, kTimeMin); }

  void AddCut(int64_t revision, int64_t cut);
  void AddRoot(int64_t revision, const NodeLink& root, int64_t end);
  /// Edits that make revisions from `first` on.
  void AddEdits(int64_t first, std::shared_ptr<const EditRun> edits);
  void AddStep(int64_t revision, bool removes);

  /// Where a revision stands.
  struct Place {
    const HistoryItem* item = nullptr;  // cuts, root or edits
    const HistoryItem* root = nullptr;  // cuts: the next one, none if the tree still grows; edits:
                                        // the one before
  };
  Place Find(int64_t revision) const;

  const std::vector<HistoryItem>& items() const { return items_; }

 private:
  std::vector<HistoryItem> items_;  // by `first` ascending
};

/// Does any step of a run remove points?
bool Removes(const EditRun& run);

}  // namespace firth::timeview
