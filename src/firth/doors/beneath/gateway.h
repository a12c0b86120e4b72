// The data plane: the gRPC service.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "beneath_gateway.grpc.pb.h"
#include "firth/common/executor.h"
#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/cursor.h"
#include "firth/doors/beneath/quota.h"
#include "firth/doors/beneath/reading.h"
#include "firth/doors/beneath/subscriptions.h"
#include "firth/doors/beneath/warehouse.h"

namespace firth::doors::beneath {

namespace wire = gateway::v1;

/// What both planes share; lives as long as the door.
struct Parts {
  table::Database* database = nullptr;
  Executor* blocking = nullptr;
  std::unique_ptr<Facts> facts;
  std::unique_ptr<Rights> rights;
  std::unique_ptr<TableFactsCache> tables;
  std::unique_ptr<access::Metering> metering;
  std::unique_ptr<Control> control;
  std::unique_ptr<Cursors> cursors;
  std::unique_ptr<Reading> reading;
  std::unique_ptr<Warehouse> warehouse;
};

class Gateway final : public wire::Gateway::WithCallbackMethod_Subscribe<wire::Gateway::Service> {
 public:
  explicit Gateway(Parts* parts)
      : parts_(parts), subscriptions_(parts->database, parts->blocking) {}

  grpc::Status Ping(grpc::ServerContext* context, const wire::PingRequest* request,
                    wire::PingResponse* reply) override;
  grpc::Status Write(grpc::ServerContext* context, const wire::WriteRequest* request,
                     wire::WriteResponse* reply) override;
  grpc::Status QueryLog(grpc::ServerContext* context, const wire::QueryLogRequest* request,
                        wire::QueryLogResponse* reply) override;
  grpc::Status QueryIndex(grpc::ServerContext* context, const wire::QueryIndexRequest* request,
                          wire::QueryIndexResponse* reply) override;
  grpc::Status Read(grpc::ServerContext* context, const wire::ReadRequest* request,
                    wire::ReadResponse* reply) override;
  grpc::Status QueryWarehouse(grpc::ServerContext* context,
                              const wire::QueryWarehouseRequest* request,
                              wire::QueryWarehouseResponse* reply) override;
  grpc::Status PollWarehouseJob(grpc::ServerContext* context,
                                const wire::PollWarehouseJobRequest* request,
                                wire::PollWarehouseJobResponse* reply) override;
  grpc::ServerWriteReactor<wire::SubscribeResponse>* Subscribe(
      grpc::CallbackServerContext* context, const wire::SubscribeRequest* request) override;

  /// End all subscriptions. No further one may begin.
  void Stop() { subscriptions_.Stop(); }

 private:
  Result<Requester> SignIn(const grpc::ServerContextBase& context);
  Status DoWrite(const Requester& who, const wire::WriteRequest& request,
                 wire::WriteResponse* reply);
  Status DoQueryLog(const Requester& who, const wire::QueryLogRequest& request,
                    wire::QueryLogResponse* reply);
  Status DoQueryIndex(const Requester& who, const wire::QueryIndexRequest& request,
                      wire::QueryIndexResponse* reply);
  Status DoRead(const Requester& who, const wire::ReadRequest& request, wire::ReadResponse* reply);
  Status DoQueryWarehouse(const Requester& who, const wire::QueryWarehouseRequest& request,
                          wire::WarehouseJob* reply);
  Status DoPollWarehouseJob(const Requester& who, const std::string& id, wire::WarehouseJob* reply);
  Status ShowJob(const WarehouseJob& job, wire::WarehouseJob* reply);
  Status AddPage(const access::Payers& payer, Page page, const std::vector<std::string>& meters,
                 wire::ReadResponse* reply);
  Result<Subscriptions::Where> DoSubscribe(const Requester& who,
                                           const wire::SubscribeRequest& request);
  /// The instance with these 16 bytes; with the right to read it.
  Result<Instance> InstanceOf(std::string_view id);
  Result<Instance> ReadableInstance(const Requester& who, std::string_view id);

  Parts* const parts_;
  Subscriptions subscriptions_;
};

/// The one table from errors to statuses of the wire.
grpc::Status ToWire(const Status& status);

}  // namespace firth::doors::beneath
