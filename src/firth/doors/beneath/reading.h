// Pages of records out of a table's log and index, as they stand now, without what has expired.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "firth/doors/beneath/table_facts.h"
#include "firth/table/database.h"
#include "firth/work/cursor_bytes.h"

namespace firth::doors::beneath {

using work::Cursor;
using work::KeyRange;

struct ShownRecord {
  std::string avro;
  int64_t time_ms = 0;
};

struct Page {
  std::vector<ShownRecord> records;
  /// Where to go on. `more` is false when nothing is left (of a replay).
  bool more = false;
  Cursor next;
};

/// An edition of a table with what the door knows of it.
struct Instance {
  table::TablePtr table;
  TableFactsPtr facts;
  table::BucketRef where;  // of its one bucket
};

/// Error kInvalidArgument for a table whose rows are spread over several logs.
Result<Instance> OpenInstance(table::Database* database, TableFactsCache* cache, EditionId edition);

/// Records' own times, in ms; null, whole or by row, where they have none.
Result<std::shared_ptr<arrow::Array>> TimesOf(const arrow::RecordBatch& rows);

/// Thread-safe; blocks.
class Reading {
 public:
  explicit Reading(table::Database* database) : database_(database) {}

  /// The log's range now.
  Result<table::BucketRange> Range(const Instance& instance);
  /// Read a log, change, peek or index cursor.
  Result<Page> Read(const Instance& instance, const Cursor& cursor, int64_t limit);

 private:
  Result<Page> ReadForward(const Instance& instance, const Cursor& cursor, int64_t limit);
  Result<Page> ReadBackwards(const Instance& instance, const Cursor& cursor, int64_t limit);
  Result<Page> ReadIndex(const Instance& instance, const Cursor& cursor, int64_t limit);
  /// The key at which a cursor goes on of which only the beginning is known.
  Result<std::string> KeyBehind(const Instance& instance, const Cursor& cursor);
  /// Call `take` for each record that is to be seen in [from, to) until it returns false.
  Status Visit(const Instance& instance, int64_t from, int64_t to, const KeyRange& keys,
               const std::function<Result<bool>(int64_t offset, const arrow::ArrayVector& columns,
                                                int64_t row, int64_t time_ms)>& take);

  table::Database* const database_;
};

}  // namespace firth::doors::beneath
