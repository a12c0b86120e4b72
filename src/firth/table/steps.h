// Changes of tables as values: what one commit is to do, step by step, or what an open transaction
// has gathered so far. Steps name tables by their paths, as those are when the step's turn comes.
#pragma once

#include <arrow/type.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "firth/access/access.h"
#include "firth/catalog/catalog.h"
#include "firth/common/path.h"
#include "firth/common/status.h"
#include "firth/log/entry.h"
#include "firth/table/files.h"

namespace firth::table {

using catalog::Attributes;
using catalog::EditionInfo;
using catalog::EditionSpec;
using catalog::TableInfo;
using catalog::TablePtr;

/// Files that go into a table together: one delta.
struct FileSet {
  std::vector<TakenFile> files;
  bool ordered = false;
  /// Of a table with a key, whose rows go into it one by one: the keys in these files are deleted.
  bool remove = false;
  bool known = false;  // files that are the store's already; nothing lets go of them then
  std::vector<std::string> uploads;  // where they were put
};

struct Step {
  enum class Kind : int {
    kCreateNamespace = 1,  // path, attributes
    kAlterNamespace = 2,   // path, attributes
    kDropNamespace = 3,    // path; empty
    kCreateTable = 4,      // path, attributes; with a schema and spec also its first edition
    kAlterTable = 5,       // path; attributes and/or schema, made from the schema `number`
    kRenameTable = 6,      // path, to
    kDropTable = 7,        // path; `release_files`: what its logs name is let go of
    kMakeEdition = 8,      // path, schema, spec, number: a new edition becomes the current one
    kAddFiles = 9,         // path, files
    kReplace = 10,         // path, files: a new edition like the current one, with just these; a
                           // table with a key keeps its edition, and what it held is deleted
  };
  Kind kind = Kind::kAddFiles;
  Path path;
  Path to;
  std::optional<Attributes> attributes;
  std::shared_ptr<arrow::Schema> schema;
  EditionSpec spec;
  int32_t number = -1;
  bool release_files = false;
  FileSet files;
};

/// May the caller make these steps? Create on the parent of what is made or gets a new name, write
/// for all else. Error kNotAllowed.
Status CheckStepRights(access::Access* access, const access::Caller& caller,
                       const std::vector<Step>& steps);

/// Steps as text, for keeping; and back. Errors: kInvalidProperty; DecodeSteps kDataLoss for text
/// that EncodeSteps did not write.
Result<std::string> EncodeSteps(const std::vector<Step>& steps);
Result<std::vector<Step>> DecodeSteps(std::string_view text);

struct ApplyOptions {
  /// Changes of values that ride in the commit. Where one compares, and what is held is another,
  /// the commit is refused with kConflict.
  std::vector<catalog::ValueChange> values;
  /// With it, the commit is refused with kConflict if since that commit others did to the same
  /// tables what does not go together with these steps: ordered meets ordered, exclusive meets all.
  /// Without, steps are applied to what is there now.
  std::optional<CommitId> snapshot;
};

struct CommitInfo {
  CommitId id;
  int64_t time_ns = 0;
};

/// A table as it stands after some steps.
struct OverlaidTable {
  TablePtr base;  // as the catalog has it; null: made by the steps
  Path path;
  Attributes attributes;
  int64_t modified_ns = 0;
  /// The current edition; its id is 0 where the steps made it.
  std::optional<EditionInfo> edition;
  /// What was added to that edition, in order, with the schema that it has.
  struct Added {
    FileSet set;
    SchemaId schema_id;
  };
  std::vector<Added> added;
  /// A table with a key: what it held before those is deleted.
  bool emptied = false;
  /// How much the steps touch of what was there: for conflicts.
  log::WriteClass touched = log::WriteClass::kFree;
  bool was_touched = false;
};

/// The catalog at one commit, with steps on top. One thread at a time.
class Overlay {
 public:
  Overlay(catalog::Catalog* catalog, CommitId at) : catalog_(catalog), at_(at) {}

  /// Errors as of the same change by itself: kTableExists, kTableNotFound, kNamespaceNotEmpty, ….
  Status Apply(const Step& step);

  CommitId at() const { return at_; }
  /// The table with this path, or null.
  Result<const OverlaidTable*> Find(const Path& path);
  /// Tables directly in `parent`, by path.
  Result<std::vector<const OverlaidTable*>> List(const Path& parent);
  /// The namespace with this path, created or implied; or nothing.
  Result<std::optional<Attributes>> FindNamespace(const Path& path);
  /// Namespaces directly in `parent`, by path.
  Result<std::vector<std::pair<Path, Attributes>>> ListNamespaces(const Path& parent);
  /// Every table that a step touched, also those that are gone.
  std::vector<const OverlaidTable*> Touched() const;

 private:
  friend class StepCommit;

  OverlaidTable* Load(const TablePtr& base);
  Result<OverlaidTable*> Need(const Path& path);
  void Touch(OverlaidTable* table, log::WriteClass how);
  Status CheckFree(const Path& path);
  Status CreateTable(const Step& step);
  Status AlterTable(const Step& step);
  Status RenameTable(const Step& step);
  Status AddFiles(const Step& step);
  Status MakeEdition(OverlaidTable* table, std::shared_ptr<arrow::Schema> schema, EditionSpec spec,
                     int32_t number);

  catalog::Catalog* const catalog_;
  const CommitId at_;
  std::vector<std::unique_ptr<OverlaidTable>> tables_;
  std::map<Path, OverlaidTable*> by_path_;                // of those in tables_
  std::set<TableId> loaded_;                              // their bases: found only here
  std::map<Path, std::optional<Attributes>> namespaces_;  // changed ones; absent: dropped
};

}  // namespace firth::table
