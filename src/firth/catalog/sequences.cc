#include "firth/catalog/sequences.h"

#include <limits>
#include <string>

namespace firth::catalog {

Result<int64_t> TakeFromSequence(Connection* sql, std::string_view name, int64_t count) {
  if (count < 1) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "of a sequence at least one number must be taken, not " + std::to_string(count));
  }
  int64_t first = 1;
  {
    ARROW_ASSIGN_OR_RAISE(Statement query,
                          sql->Query("SELECT next FROM sequences WHERE name = ?1", name));
    ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
    if (row) first = query.Int(0);
  }
  if (count > std::numeric_limits<int64_t>::max() - first) {
    return Error(Code::kResourceExhausted, Reason::kOverBudget,
                 "the sequence '" + std::string(name) + "' has no " + std::to_string(count) +
                     " numbers left");
  }
  ARROW_RETURN_NOT_OK(
      sql->Run("INSERT INTO sequences (name, next) VALUES (?1, ?2)"
               " ON CONFLICT (name) DO UPDATE SET next = excluded.next",
               name, first + count));
  return first;
}

}  // namespace firth::catalog
