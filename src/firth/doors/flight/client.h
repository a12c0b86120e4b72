// The other end of this door: what the command line speaks to a server with.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>

#include "firth/common/status.h"

namespace firth::doors::flight {

/// Rows that a server streams. One thread at a time.
class ClientReader {
 public:
  /// Cancels what is still under way.
  virtual ~ClientReader() = default;
  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  /// The next rows, null at the end. Blocks; on a read that follows, until rows arrive.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

/// Rows on their way to a server. One thread at a time.
class ClientWriter {
 public:
  /// Without Close, what was not committed yet is dropped.
  virtual ~ClientWriter() = default;
  /// Blocks while the server is behind.
  virtual Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) = 0;
  /// On return all rows are durable; the server's last answer, a JSON {"rows": …, "commit": …}.
  virtual Result<std::string> Close() = 0;
};

/// Thread-safe. Errors are those that the server met, code and reason; kUnavailable where there is
/// no server.
class Client {
 public:
  /// `server` is host:port, perhaps with grpc:// or, for TLS, grpc+tls:// before it. An empty
  /// secret: anonymous. Does not connect yet.
  static Result<std::unique_ptr<Client>> Make(const std::string& server, const std::string& secret);
  virtual ~Client() = default;

  /// Run an action (actions.h): JSON in, JSON out.
  virtual Result<std::string> Act(const std::string& action, const std::string& body) = 0;
  /// Read what a ticket (ticket.h) asks for.
  virtual Result<std::unique_ptr<ClientReader>> Get(const std::string& ticket) = 0;
  /// Write rows of `schema` to a target (row_sink.h).
  virtual Result<std::unique_ptr<ClientWriter>> Put(
      const std::string& target, const std::shared_ptr<arrow::Schema>& schema) = 0;
};

}  // namespace firth::doors::flight
