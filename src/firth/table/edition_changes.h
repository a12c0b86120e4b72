// Editions of a table besides its current one: found, made, made current, sealed, dropped.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "firth/table/database.h"

namespace firth::table {

/// What one commit does to an edition of a table.
struct EditionChange {
  /// The edition; absent: a new one, of `number` and `spec` as in EditionChanges::Create.
  std::optional<EditionId> edition;
  int32_t number = -1;
  TableSpec spec;
  bool make_current = false;
  bool seal = false;
  /// Drop it with its rows; if it was the current one, the table has none then.
  bool drop = false;
  /// The attributes that the table has afterwards, given the edition; none: as they are.
  std::function<Attributes(const EditionInfo& edition)> attributes;
};

/// Changes of editions of a Database that Database::Open made; it must outlive this. Thread-safe;
/// all calls block, and what they change is durable on return.
class EditionChanges {
 public:
  explicit EditionChanges(Database* database);

  /// Add an edition with its schema and, if it is not partitioned, its one partition; `number`
  /// below 0: one more than any before. The attributes of `spec` are not used. Right: write on the
  /// path. Error kEditionExists for a number that was ever given.
  Result<TablePtr> Create(const Caller& caller, TableId table, int32_t number,
                          const TableSpec& spec, bool make_current);
  /// Make an edition the current one, or none. Right: write on the path.
  Status MakeCurrent(const Caller& caller, TableId table, std::optional<EditionId> edition);
  /// Refuse writes that begin from now on. Right: write on the edition.
  Status Seal(const Caller& caller, EditionId edition);
  /// Drop an edition with its rows. Right: write on the path.
  Status Drop(const Caller& caller, EditionId edition);
  /// Several changes at once, in one commit. Gives the edition as it was before it was sealed or
  /// dropped. Right: write on the path. Errors: those of the changes one by one.
  Result<EditionInfo> Apply(const Caller& caller, TableId table, const EditionChange& change);
  Result<std::vector<EditionInfo>> List(const Caller& caller, TableId table);
  /// The table with this edition in the place of its current one: whatever takes a table then means
  /// that edition. Right: see on it.
  Result<TablePtr> Get(const Caller& caller, EditionId edition);

 private:
  class DatabaseImpl* const database_;
};

}  // namespace firth::table
