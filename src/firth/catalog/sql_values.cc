#include "firth/catalog/sql_values.h"

namespace firth::catalog {

Result<std::optional<std::string>> FindValue(Connection* sql, const std::string& name) {
  ARROW_ASSIGN_OR_RAISE(Statement query,
                        sql->Query("SELECT value FROM named_values WHERE name = ?1", name));
  ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
  if (!row) return std::nullopt;
  return query.Text(0);
}

Result<std::vector<std::pair<std::string, std::string>>> FindValues(Connection* sql,
                                                                    const std::string& from,
                                                                    const std::string& to,
                                                                    int64_t limit) {
  std::vector<std::pair<std::string, std::string>> values;
  if (limit <= 0) return values;
  ARROW_ASSIGN_OR_RAISE(Statement query,
                        sql->Query("SELECT name, value FROM named_values"
                                   " WHERE name >= ?1 AND name < ?2 ORDER BY name LIMIT ?3",
                                   from, to, limit));
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
    if (!row) return values;
    values.emplace_back(query.Text(0), query.Text(1));
  }
}

Status MakeValueChanges(Connection* sql, const std::vector<ValueChange>& changes) {
  for (const ValueChange& change : changes) {
    if (!change.compare) continue;
    ARROW_ASSIGN_OR_RAISE(const auto held, FindValue(sql, change.name));
    if (held == change.expected) continue;
    return Error(Code::kAborted, Reason::kConflict,
                 "'" + change.name.substr(0, 128) + "' was changed by another in the meantime");
  }
  for (const ValueChange& change : changes) {
    if (change.value.has_value()) {
      ARROW_RETURN_NOT_OK(
          sql->Run("INSERT INTO named_values (name, value) VALUES (?1, ?2)"
                   " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                   change.name, Blob{*change.value}));
    } else {
      ARROW_RETURN_NOT_OK(sql->Run("DELETE FROM named_values WHERE name = ?1", change.name));
    }
  }
  return Status::OK();
}

}  // namespace firth::catalog
