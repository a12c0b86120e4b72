// Where batches go: what is known of the tables that they were written to.
#pragma once

#include <cstdint>
#include <memory>

#include "firth/doors/fluss/known.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/request.h"
#include "firth/doors/fluss/write_shape.h"

namespace firth::doors::fluss {

/// Immutable.
struct WrittenTable {
  TableById found;
  WriteShape shape;
  /// Rows of it are stored as they come: a look at their bytes tells whether they can be read.
  bool takes_as_sent = false;

  /// Blocks. Errors: kTableNotFound; as of TableById::FindWritable and WriteShape::Make.
  static Result<std::shared_ptr<const WrittenTable>> Make(const Request& request, int64_t table_id);
  /// May the caller see it? It was found for another one.
  Status CheckSeen(const Request& request) const;
};

class WrittenTables : public Known<int64_t, WrittenTable> {};

}  // namespace firth::doors::fluss
