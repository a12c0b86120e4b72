#include "firth/store/name_tree.h"

#include <cerrno>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "firth/store/file_path.h"

namespace firth::store {
namespace {

NodePtr Lookup(const NameMap& names, std::string_view name) {
  const auto entry = names.find(name);
  return entry == names.end() ? nullptr : entry->second;
}

/// Remove `name`, if it still names `node`: another may have taken it since.
void EraseIf(NameMap* names, const std::string& name, const NodePtr& node) {
  const auto entry = names->find(name);
  if (entry != names->end() && entry->second == node) names->erase(entry);
}

bool IsWithin(const NodePtr& node, const Node& above) {
  if (node.get() == &above) return true;
  for (const auto& [name, child] : above.names) {
    if (child->is_folder && IsWithin(node, *child)) return true;
  }
  return false;
}

}  // namespace

NameTree::NameTree() : root_(std::make_shared<Node>()) {
  root_->is_folder = true;
}

int NameTree::Find(std::string_view path, NodePtr* found) const {
  NodePtr node = root_;
  for (const std::string_view segment : SegmentsOf(path)) {
    if (!node->is_folder) return ENOTDIR;
    node = Lookup(node->names, segment);
    if (node == nullptr) return ENOENT;
  }
  *found = std::move(node);
  return 0;
}

int NameTree::FindParent(std::string_view path, NodePtr* folder, std::string* name) const {
  const std::string parent = FolderOf(path);
  *name = path.substr(parent.empty() ? 0 : parent.size() + 1);
  if (const int error = Find(parent, folder)) return error;
  return (*folder)->is_folder ? 0 : ENOTDIR;
}

int NameTree::Create(std::string_view path, bool is_folder, NodePtr* made) {
  NodePtr folder;
  std::string name;
  if (const int error = FindParent(path, &folder, &name)) return error;
  if (folder->names.contains(name)) return EEXIST;
  auto node = std::make_shared<Node>();
  node->is_folder = is_folder;
  node->name_count = 1;
  folder->names[name] = node;
  changes_.push_back({.added_in = folder, .added = node, .added_name = name});
  *made = std::move(node);
  return 0;
}

int NameTree::CheckReplace(const Node& moved, const NodePtr& target) const {
  if (target == nullptr) return 0;
  if (!moved.is_folder) return target->is_folder ? EISDIR : 0;
  if (!target->is_folder) return ENOTDIR;
  return target->names.empty() ? 0 : ENOTEMPTY;
}

int NameTree::Rename(std::string_view from, std::string_view to, NodePtr* replaced) {
  *replaced = nullptr;
  NodePtr from_folder, to_folder;
  std::string from_name, to_name;
  if (const int error = FindParent(from, &from_folder, &from_name)) return error;
  if (const int error = FindParent(to, &to_folder, &to_name)) return error;
  const NodePtr node = Lookup(from_folder->names, from_name);
  if (node == nullptr) return ENOENT;
  if (node->is_folder && IsWithin(to_folder, *node)) return EINVAL;
  const NodePtr target = Lookup(to_folder->names, to_name);
  if (target != nullptr && IsWithin(from_folder, *target)) return ENOTEMPTY;
  if (target == node) return 0;
  if (const int error = CheckReplace(*node, target)) return error;

  from_folder->names.erase(from_name);
  to_folder->names[to_name] = node;
  if (target != nullptr) --target->name_count;
  changes_.push_back({.added_in = to_folder,
                      .added = node,
                      .added_name = to_name,
                      .removed_in = from_folder,
                      .removed = node,
                      .removed_name = from_name});
  *replaced = target;
  return 0;
}

int NameTree::Remove(std::string_view path, NodePtr* removed) {
  *removed = nullptr;
  NodePtr folder;
  std::string name;
  const int error = FindParent(path, &folder, &name);
  if (error == ENOENT) return 0;
  if (error != 0) return error;
  const NodePtr node = Lookup(folder->names, name);
  if (node == nullptr) return 0;
  if (node->is_folder) return EISDIR;
  folder->names.erase(name);
  --node->name_count;
  changes_.push_back({.removed_in = folder, .removed = node, .removed_name = name});
  *removed = node;
  return 0;
}

int NameTree::RemoveFolder(std::string_view path) {
  NodePtr folder;
  std::string name;
  const int error = FindParent(path, &folder, &name);
  if (error == ENOENT) return 0;
  if (error != 0) return error;
  const NodePtr node = Lookup(folder->names, name);
  if (node == nullptr) return 0;
  if (!node->is_folder) return ENOTDIR;
  if (!node->names.empty()) return ENOTEMPTY;
  folder->names.erase(name);
  --node->name_count;
  changes_.push_back({.removed_in = folder, .removed = node, .removed_name = name});
  return 0;
}

void NameTree::Sync(const NodePtr& folder) {
  std::vector<Change> unsynced;
  for (Change& change : changes_) {
    const bool adds = change.added_in != nullptr;
    if (adds && change.added_in != folder) {
      unsynced.push_back(std::move(change));
      continue;
    }
    if (adds) folder->durable_names[change.added_name] = change.added;
    if (change.removed_in == folder) {
      EraseIf(&folder->durable_names, change.removed_name, change.removed);
    } else if (change.removed_in != nullptr) {
      change.added_in = change.added = nullptr;
      unsynced.push_back(std::move(change));
    }
  }
  changes_ = std::move(unsynced);
}

/// Copies nodes, each once however many names it has.
class NameTree::Copier {
 public:
  using CopyContent = SectorContent (*)(const SectorContent&, Random*);
  Copier(CopyContent copy_content, Random* random) : copy_content_(copy_content), random_(random) {}

  /// The copy of `node`, or null for null. `is_new` tells whether its names are still to be filled
  /// in.
  NodePtr Of(const NodePtr& node, bool* is_new) {
    *is_new = false;
    if (node == nullptr) return nullptr;
    NodePtr& copy = copies_[node.get()];
    if (copy == nullptr) {
      *is_new = true;
      copy = std::make_shared<Node>();
      copy->is_folder = node->is_folder;
      copy->content = copy_content_(node->content, random_);
    }
    return copy;
  }

 private:
  const CopyContent copy_content_;
  Random* const random_;
  std::unordered_map<const Node*, NodePtr> copies_;
};

NameTree NameTree::Copy() const {
  Copier copier([](const SectorContent& content, Random*) { return content; }, nullptr);
  const auto copy = [&](const auto& self, const NodePtr& node) -> NodePtr {
    bool is_new = false;
    const NodePtr made = copier.Of(node, &is_new);
    if (!is_new) return made;
    made->name_count = node->name_count;
    for (const auto& [name, child] : node->names) made->names[name] = self(self, child);
    for (const auto& [name, child] : node->durable_names) {
      made->durable_names[name] = self(self, child);
    }
    return made;
  };
  NameTree result;
  result.root_ = copy(copy, root_);
  for (const Change& change : changes_) {
    result.changes_.push_back({.added_in = copy(copy, change.added_in),
                               .added = copy(copy, change.added),
                               .added_name = change.added_name,
                               .removed_in = copy(copy, change.removed_in),
                               .removed = copy(copy, change.removed),
                               .removed_name = change.removed_name});
  }
  return result;
}

NameTree NameTree::AfterPowerCut(Random* random) const {
  std::unordered_map<const Node*, NameMap> changed;
  const auto names_of = [&](const NodePtr& folder) {
    return &changed.try_emplace(folder.get(), folder->durable_names).first->second;
  };
  for (const Change& change : changes_) {
    if (DrawBelow(random, 2) == 0) continue;
    if (change.added_in != nullptr) (*names_of(change.added_in))[change.added_name] = change.added;
    if (change.removed_in != nullptr) {
      EraseIf(names_of(change.removed_in), change.removed_name, change.removed);
    }
  }

  Copier copier([](const SectorContent& content, Random* r) { return content.AfterPowerCut(r); },
                random);
  const auto copy = [&](const auto& self, const NodePtr& node) -> NodePtr {
    bool is_new = false;
    const NodePtr made = copier.Of(node, &is_new);
    if (!is_new) return made;
    for (const auto& [name, child] : *names_of(node)) {
      NodePtr made_child = self(self, child);
      ++made_child->name_count;
      made->names[name] = std::move(made_child);
    }
    made->durable_names = made->names;
    return made;
  };
  NameTree result;
  result.root_ = copy(copy, root_);
  return result;
}

uint64_t NameTree::FileBytes() const {
  uint64_t bytes = 0;
  std::unordered_set<const Node*> seen;
  const auto add = [&](const auto& self, const Node& node) -> void {
    if (!seen.insert(&node).second) return;
    bytes += node.content.bytes();
    for (const auto& [name, child] : node.names) self(self, *child);
  };
  add(add, *root_);
  return bytes;
}

}  // namespace firth::store
