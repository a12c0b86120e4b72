// Editions of a table besides its current one: found, made, made current, sealed, dropped.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "firth/table/database.h"

namespace firth::table {

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
  Result<std::vector<EditionInfo>> List(const Caller& caller, TableId table);
  /// The table with this edition in the place of its current one: whatever takes a table then means
  /// that edition. Right: see on it.
  Result<TablePtr> Get(const Caller& caller, EditionId edition);

 private:
  class DatabaseImpl* const database_;
};

}  // namespace firth::table
