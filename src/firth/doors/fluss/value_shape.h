// Stored values of keyed tables as clients are to get them: nearly always the stored bytes; made
// anew where the table has types that the protocol lacks.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "firth/schema/row.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

/// For one table. Immutable.
class ValueShape {
 public:
  static Result<ValueShape> Make(const catalog::TablePtr& table);

  /// The value of a row: the schema's id and a compact row, in types that the protocol has.
  Result<std::string> Of(const table::StoredRow& row) const;
  /// Is a stored value of this schema not what clients get?
  bool Remakes(SchemaId id) const { return !remade_.empty() && remade_.contains(id); }
  /// What they get instead.
  Result<std::string> Remake(SchemaId id, std::string_view row) const;

 private:
  struct Codecs {
    std::shared_ptr<const schema::RowCodec> stored;
    std::shared_ptr<const schema::RowCodec> served;
  };
  /// Of the schemas that the protocol lacks types of.
  std::map<SchemaId, Codecs> remade_;
};

}  // namespace firth::doors::fluss
