// What a program does with tables without knowing where they are: at a server (client.h), or in a
// folder of its own.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>

#include "firth/common/status.h"

namespace firth::doors::flight {

/// Rows on their way out. One thread at a time.
class RowReader {
 public:
  /// Cancels what is still under way.
  virtual ~RowReader() = default;
  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  /// The next rows, null at the end. Blocks; on a read that follows, until rows arrive.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

/// Rows on their way in. One thread at a time.
class RowWriter {
 public:
  /// Without Close, what was not committed yet is dropped.
  virtual ~RowWriter() = default;
  /// Blocks while the store is behind.
  virtual Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) = 0;
  /// On return all rows are durable; the last commit's answer, a JSON {"rows": …, "commit": …}.
  virtual Result<std::string> Close() = 0;
};

class Session {
 public:
  virtual ~Session() = default;
  /// Run an action (actions.h): JSON in, JSON out.
  virtual Result<std::string> Act(const std::string& action, const std::string& body) = 0;
  /// Read what a ticket (ticket.h) asks for.
  virtual Result<std::unique_ptr<RowReader>> Get(const std::string& ticket) = 0;
  /// Write rows of `schema` to a target (row_sink.h).
  virtual Result<std::unique_ptr<RowWriter>> Put(const std::string& target,
                                                 const std::shared_ptr<arrow::Schema>& schema) = 0;
};

}  // namespace firth::doors::flight
