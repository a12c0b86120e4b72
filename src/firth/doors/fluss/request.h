// One request on its way: who asked, what, and the one answer that goes back.
#pragma once

#include <arrow/buffer.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/access/access.h"
#include "firth/common/bytes.h"
#include "firth/common/executor.h"
#include "firth/doors/fluss/errors.h"
#include "firth/doors/fluss/frame.h"
#include "firth/table/database.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace firth::doors::fluss {

class Connection;
class KvScans;
class LookupPlaces;
class WrittenTables;

/// Where a listener tells its clients to go.
struct Node {
  std::string host;
  uint16_t port = 0;
};

/// What every handler may use. Lives as long as any request.
struct Services {
  table::Database* database = nullptr;
  Executor* blocking = nullptr;
  std::shared_ptr<LookupPlaces> places;
  std::shared_ptr<WrittenTables> written;
  std::shared_ptr<KvScans> scans;
  /// What all requests hold that are in work, also those of clients that have gone.
  std::shared_ptr<std::atomic<uint64_t>> request_bytes = std::make_shared<std::atomic<uint64_t>>(0);
};

/// Answered at most once, from any thread; if it never is, it refuses itself when the last holder
/// lets go, so that no client waits for ever. Holds the frame that it came in.
class Request {
 public:
  Request(std::shared_ptr<Connection> connection, RequestHeader header,
          std::shared_ptr<arrow::Buffer> frame);
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  int16_t api_version() const { return header_.api_version; }
  /// The message, a view into the frame.
  Bytes body() const;
  /// A part of body() as a buffer that keeps the frame.
  std::shared_ptr<arrow::Buffer> Slice(Bytes part) const;
  /// Read body() as `*message`; if it is none, refuse and return false.
  bool Parse(google::protobuf::MessageLite* message);

  void Answer(const google::protobuf::MessageLite& message);
  /// Answer with a message in parts, which are sent from where they lie.
  void AnswerParts(std::vector<std::shared_ptr<arrow::Buffer>> parts);
  /// The same for a short message that was put together by hand; it is copied.
  void AnswerText(std::string_view message);
  void Refuse(const Status& status);
  void Refuse(Wire code, std::string_view message);

  Connection& connection() const { return *connection_; }
  const Services& services() const { return *services_; }
  table::Database& database() const { return *services_->database; }
  /// Who asks; fixed when the request came.
  const access::Caller& caller() const { return caller_; }

 private:
  bool TakeAnswer();

  const std::shared_ptr<Connection> connection_;
  const Services* const services_;  // the connection's
  const RequestHeader header_;
  const std::shared_ptr<arrow::Buffer> frame_;
  const access::Caller caller_;
  std::atomic<bool> answered_{false};
};
using RequestPtr = std::shared_ptr<Request>;

/// Serve a request whose handler is `Status handler(const Request&, const In&, Out*)`: the answer
/// is
/// `*out` where the status is OK, else its error.
template <typename In, typename Out, typename Handler>
void Unary(const RequestPtr& request, Handler handler) {
  In in;
  if (!request->Parse(&in)) return;
  Out out;
  const Status status = handler(static_cast<const Request&>(*request), in, &out);
  if (status.ok()) {
    request->Answer(out);
  } else {
    request->Refuse(status);
  }
}

}  // namespace firth::doors::fluss
