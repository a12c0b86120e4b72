// Queries that come by a queue: rows of a table into objects or messages, and word of it to the
// tracker.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/doors/aws/ingest.h"
#include "firth/doors/aws/query_message.h"
#include "firth/doors/aws/regions.h"

namespace firth::doors::aws {

/// Thread-safe; blocks.
class QueryRun {
 public:
  explicit QueryRun(const TakerParts& parts) : parts_(parts) {}

  /// The changes that say that a query is queued. From then on what an earlier query of its id does
  /// is nobody's concern.
  Result<std::vector<catalog::ValueChange>> Queued(const InstanceQueue& queue,
                                                   const work::Message& message) const;
  /// Remove what earlier queries of this id have answered.
  Status RemoveEarlier(const InstanceQueue& queue, const work::Message& message,
                       const std::string& query_id) const;
  /// Answer a taken message, and remove it with the word that it is completed or failed. An error
  /// means that the message is still there.
  Status Run(const InstanceQueue& queue, const work::Message& message);

 private:
  struct Answer {
    std::vector<work::StagedObject> objects;
    std::vector<std::string> messages;
    std::string messages_to;  // a queue
    int64_t rows = 0;
  };
  /// What was staged before an error stands in the answer, too.
  Status Make(const InstanceQueue& queue, const work::Message& message, const QueryMessage& query,
              Answer* answer);
  /// The changes that end a query: the message's end, and `item` as the tracker's word, unless a
  /// later query of this id was sent, whose word it is now.
  struct End {
    std::vector<catalog::ValueChange> changes;
    bool overtaken = false;
  };
  Result<End> EndWith(const InstanceQueue& queue, const work::Message& message,
                      const std::string& query_id, const json& item) const;
  Status Publish(const InstanceQueue& queue, const work::Message& message,
                 const std::string& query_id, Answer* answer);
  Status Fail(const InstanceQueue& queue, const work::Message& message, const std::string& query_id,
              const Status& why);

  const TakerParts parts_;
};

/// Rows of a table that `regions` take, as `shape` shows them, in the order of its keys. One thread
/// at a time. Blocks. Keeps no reference to what it was opened with but the database.
class SelectedRows {
 public:
  virtual ~SelectedRows() = default;
  /// The next rows, at least one; null at the end.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};
Result<std::unique_ptr<SelectedRows>> SelectRows(table::Database* database,
                                                 const access::Caller& caller,
                                                 const table::TablePtr& table,
                                                 const TableShape& shape, const RegionSet& regions);

/// Rows as JSON objects, as messages carry them.
Result<json> RowsToJson(const arrow::RecordBatch& rows);

}  // namespace firth::doors::aws
