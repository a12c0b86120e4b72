// The names of a file system in memory, and which of them a power cut may take.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/random.h"
#include "firth/store/sector_content.h"

namespace firth::store {

struct Node;
using NodePtr = std::shared_ptr<Node>;
using NameMap = std::map<std::string, NodePtr, std::less<>>;

/// A file or a folder. Its names lie in folders; an open file without a name lives on.
struct Node {
  bool is_folder = false;
  SectorContent content;    // of a file
  uint64_t handles = 0;     // open Files
  uint64_t name_count = 0;  // present names
  NameMap names;            // of a folder: as readers see them
  NameMap durable_names;    // of a folder: as they were at its last sync
};

/// A tree of names that remembers each change until the folder that holds the name is synced.
/// Functions return 0 or an error number as the system call of a local file system would. Paths are
/// checked (file_path.h). Not thread-safe.
class NameTree {
 public:
  NameTree();
  NameTree(NameTree&&) = default;
  NameTree& operator=(NameTree&&) = default;

  int Find(std::string_view path, NodePtr* found) const;
  /// Make a file or folder in an existing folder.
  int Create(std::string_view path, bool is_folder, NodePtr* made);
  /// `replaced` is the file or folder that had the name `to` and lost it, or null.
  int Rename(std::string_view from, std::string_view to, NodePtr* replaced);
  /// `removed` is the file that lost its name, or null if there was none.
  int Remove(std::string_view path, NodePtr* removed);
  /// An absent folder is fine.
  int RemoveFolder(std::string_view path);
  /// Make the names in `folder` durable. A rename out of it into another folder stays unsynced
  /// until that one is synced; then the removal of the old name is left to sync here.
  void Sync(const NodePtr& folder);

  /// What a power cut now may leave: each unsynced change is, at random, made or not, in their
  /// order.
  NameTree AfterPowerCut(Random* random) const;
  /// A deep copy of everything, without open handles.
  NameTree Copy() const;
  /// The bytes of all files that have a name; each is counted once.
  uint64_t FileBytes() const;

 private:
  /// One change that is not durable: a name added, removed, or (a rename) both in one step.
  struct Change {
    NodePtr added_in{}, added{};  // null for a removal
    std::string added_name{};
    NodePtr removed_in{}, removed{};  // null for a creation
    std::string removed_name{};
  };
  class Copier;

  int FindParent(std::string_view path, NodePtr* folder, std::string* name) const;
  int CheckReplace(const Node& moved, const NodePtr& target) const;

  NodePtr root_;
  std::vector<Change> changes_;  // in the order in which they were made
};

}  // namespace firth::store
