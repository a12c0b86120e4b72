// A write of a keyed table on its way through: its buckets are taken, its effects decided,
// committed, and applied.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/keyview/key_view.h"
#include "firth/log/log_store.h"
#include "firth/table/database.h"
#include "firth/table/keyed_bucket.h"

namespace firth::table {

/// Rows that are put into a table with a key, or whose keys are deleted from it.
struct KeyedRows {
  bool remove = false;
  std::vector<std::shared_ptr<arrow::RecordBatch>> rows;
};

/// The table that rows are put into. Its current edition may be one that the same commit makes, or
/// gives another schema: then that edition has an id that no other has, so that what is kept of it
/// (codecs) is nobody else's, and is found in the catalog otherwise.
struct KeyedTarget {
  TablePtr table;
  TablePtr stands;                 // as the catalog has it; null: the same
  std::optional<LogId> first_log;  // of an edition that the commit makes: of its one partition
};

struct KeyedWrite {
  struct Part {
    const EditionInfo* edition = nullptr;
    KeyedBucket* bucket = nullptr;
    UpsertBatch batch;
    KeyChanges changes;  // once decided
    uint64_t number = 0;
    uint64_t epoch = 0;
  };

  /// Rows and keys that batches point into.
  struct Encoded {
    std::vector<std::string> keys;
    std::vector<std::string> rows;
  };

  std::vector<TablePtr> tables;  // keep the editions
  std::vector<Part> parts;       // one a bucket
  std::deque<Encoded> encoded;
  std::vector<log::EntryDraft> appends;       // of tables without keys, in the same commit
  std::shared_ptr<log::CatalogPart> catalog;  // rides in the commit; may be null
  uint64_t bytes = 0;                         // counted against the budget of what waits
  std::function<void(const Result<log::CommitResult>&)> done;
};

/// What a batch does to one bucket.
struct DecidedBucket {
  log::EntryDraft entry;
  KeyChanges changes;
};

}  // namespace firth::table
