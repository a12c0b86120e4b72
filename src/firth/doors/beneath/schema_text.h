// The language in which clients write the schemas of tables: types, enums, annotations.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/doors/beneath/record_type.h"

namespace firth::doors::beneath {

/// A compiled schema: what its text says, checked.
struct TableSchema {
  TypePtr record;
  std::vector<std::string> key;  // empty only where no key was asked for
  bool normalize = false;

  std::string avro() const { return AvroText(*record, /*docs=*/true); }
  std::string canonical_avro() const { return AvroText(*record, /*docs=*/false); }
  /// Compact JSON: [{"fields":["a"],"key":true}]
  std::string canonical_indexes() const;
};

/// Compile `text`, in the schema language (`avro` false) or an Avro schema. `indexes` is JSON that
/// gives the key, instead of what the text says; may be empty. Without `needs_key` an Avro schema
/// may lack one. Error kInvalidSchema says what is wrong, with the line where that is known.
Result<TableSchema> CompileSchema(bool avro, std::string_view text, std::string_view indexes,
                                  bool needs_key);

/// Parse the schema language alone.
Result<TableSchema> ParseSchemaText(std::string_view text);

}  // namespace firth::doors::beneath
