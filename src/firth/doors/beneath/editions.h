// Editions of tables besides the current one, as far as they can be reached: they are found and read.
// Making, sealing and dropping them is refused until a Database offers it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "firth/table/database.h"

namespace firth::doors::beneath {

/// One table's rows of a write.
struct TableRows {
  table::TablePtr table;
  std::vector<std::shared_ptr<arrow::RecordBatch>> rows;
};

class Editions {
 public:
  explicit Editions(table::Database* database) : database_(database) {}

  Result<std::vector<catalog::EditionInfo>> List(TableId table) {
    return database_->catalog()->ListEditions(table);
  }
  /// The table with this edition in the place of its current one.
  Result<table::TablePtr> Get(EditionId id) {
    ARROW_ASSIGN_OR_RAISE(auto edition, database_->catalog()->GetEdition(id));
    ARROW_ASSIGN_OR_RAISE(const auto table,
                          database_->GetTable(access::Internal(), edition.table));
    auto shown = std::make_shared<catalog::TableInfo>(*table);
    shown->current = std::move(edition);
    return table::TablePtr(std::move(shown));
  }
  Result<table::TablePtr> Create(TableId, int32_t, const table::TableSpec&, bool) {
    return Refuse();
  }
  Status MakeCurrent(TableId, std::optional<EditionId>) { return Refuse(); }
  Status Seal(EditionId) { return Refuse(); }
  Status Drop(EditionId) { return Refuse(); }

  /// Upsert rows of several tables: one commit a table, in order.
  Result<CommitId> Write(const std::vector<TableRows>& writes) {
    CommitId commit{0};
    for (const auto& write : writes) {
      ARROW_ASSIGN_OR_RAISE(commit,
                            database_->UpsertRows(access::Internal(), write.table, write.rows));
    }
    return commit;
  }

 private:
  static Status Refuse() {
    return Error(Code::kUnimplemented, Reason::kNone,
                 "versions of a table cannot be made, changed or removed by this server");
  }

  table::Database* const database_;
};

}  // namespace firth::doors::beneath
