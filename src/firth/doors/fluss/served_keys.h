// Keys of tables whose key columns have types that the protocol lacks: clients send the nearest
// types that it has, the engine's keys have the table's own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/schema/row.h"

namespace firth::doors::fluss {

/// Immutable.
class ServedKeys {
 public:
  /// For the key columns that clients send, which are those that no partition says. Null where
  /// their types are the table's own.
  static Result<std::shared_ptr<const ServedKeys>> Make(const catalog::EditionInfo& edition);

  /// A client's compact key as the engine's; with `prefix` it may end early, after a whole column.
  /// Nullopt: the table's types do not hold its values, so there is no such row. Hostile bytes;
  /// error kCorruptBatch.
  Result<std::optional<std::string>> Stored(std::string_view key, bool prefix) const;

 private:
  /// The first one, two, … of the columns.
  struct Columns {
    std::shared_ptr<const schema::RowCodec> served;
    std::shared_ptr<arrow::Schema> stored;
  };
  std::vector<Columns> columns_;
};

}  // namespace firth::doors::fluss
