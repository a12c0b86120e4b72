// A write in one of the protocol's modes, as steps.
#pragma once

#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/doors/deltacat/entries.h"
#include "firth/table/database.h"
#include "firth/table/steps.h"

namespace firth::doors::deltacat {

/// May a write of this mode be made to this table (null: absent)? `version` is the one that was
/// asked for, if any: `create` makes another version of a table that is there. Errors:
/// invalid_write_mode, table_not_found, table_already_exists.
Status CheckMode(const std::string& mode, const table::OverlaidTable* table,
                 const std::optional<std::string>& version);

struct WriteRequest {
  Path path;
  std::string mode;
  std::string format;
  std::shared_ptr<arrow::Schema> schema;  // as the client announced it; may be null
  std::vector<std::string> columns;       // of text, in order
  std::vector<Entry> entries;
  std::string upload;
  std::optional<std::string> version;
};

struct WriteSteps {
  std::vector<table::Step> steps;
  int64_t files = 0;
  int64_t rows = 0;
  uint64_t bytes = 0;
};

/// Take the entries' files and say what is to be done. `table` is as `view` has it, or null.
/// Errors: as CheckMode; schema_required; invalid_schema; invalid_data for a file that is not what
/// it says.
Result<WriteSteps> MakeWriteSteps(table::Database* database, table::Overlay* view,
                                  const table::OverlaidTable* table, const WriteRequest& request);

}  // namespace firth::doors::deltacat
