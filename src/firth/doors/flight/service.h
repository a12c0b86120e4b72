// The Flight service: each call signs in, does its work through the parts of this room, and
// answers.
#pragma once

#include <memory>

#include "firth/common/executor.h"
#include "firth/doors/flight/cursor.h"
#include "firth/doors/flight/get_stream.h"
#include "firth/doors/flight/put_call.h"
#include "firth/doors/flight/running_queries.h"
#include "flight.grpc.pb.h"

namespace firth::doors::flight {

namespace protocol = arrow::flight::protocol;

/// Calls block in gRPC's threads, but for DoGet, which reads on `readers`.
class Service final : public protocol::FlightService::Service {
 public:
  Service(table::Database* database, Executor* readers);

  /// End reads that wait for rows.
  void Drain() { gets_.Drain(); }

  grpc::Status Handshake(grpc::ServerContext* context,
                         grpc::ServerReaderWriter<protocol::HandshakeResponse,
                                                  protocol::HandshakeRequest>* stream) override;
  grpc::Status ListFlights(grpc::ServerContext* context, const protocol::Criteria* criteria,
                           grpc::ServerWriter<protocol::FlightInfo>* stream) override;
  grpc::Status GetFlightInfo(grpc::ServerContext* context,
                             const protocol::FlightDescriptor* descriptor,
                             protocol::FlightInfo* answer) override;
  grpc::Status PollFlightInfo(grpc::ServerContext* context,
                              const protocol::FlightDescriptor* descriptor,
                              protocol::PollInfo* answer) override;
  grpc::Status GetSchema(grpc::ServerContext* context, const protocol::FlightDescriptor* descriptor,
                         protocol::SchemaResult* answer) override;
  grpc::Status DoAction(grpc::ServerContext* context, const protocol::Action* action,
                        grpc::ServerWriter<protocol::Result>* stream) override;
  grpc::Status ListActions(grpc::ServerContext* context, const protocol::Empty* empty,
                           grpc::ServerWriter<protocol::ActionType>* stream) override;

 private:
  grpc::ServerWriteReactor<Frame>* Get(grpc::CallbackServerContext* context,
                                       const protocol::Ticket* ticket);
  grpc::Status Put(grpc::ServerContext* context, PutStream* stream);
  Result<Request> SignedIn(const grpc::ServerContextBase& context) const;

  table::Database* const database_;
  mutable RunningQueries queries_;  // outlives the streams
  GetStreams gets_;
};

}  // namespace firth::doors::flight
