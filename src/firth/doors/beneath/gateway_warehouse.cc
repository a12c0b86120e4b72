// Warehouse queries and their jobs on the wire.
#include "firth/doors/beneath/gateway.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

constexpr int kPartitionsMax = 32;
constexpr size_t kJobIdBytes = 16;

wire::WarehouseJob::Status StateOf(WarehouseJob::State state) {
  switch (state) {
    case WarehouseJob::State::kPending:
      return wire::WarehouseJob::PENDING;
    case WarehouseJob::State::kRunning:
      return wire::WarehouseJob::RUNNING;
    case WarehouseJob::State::kDone:
      break;
  }
  return wire::WarehouseJob::DONE;
}

}  // namespace

Status Gateway::ShowJob(const WarehouseJob& job, wire::WarehouseJob* reply) {
  reply->set_job_id(job.id);
  reply->set_status(StateOf(job.state));
  reply->set_error(job.error);
  reply->set_result_avro_schema(job.avro_schema);
  reply->set_bytes_scanned(job.bytes_scanned);
  for (const EditionId edition : job.editions) {
    reply->add_referenced_instance_ids(parts_->facts->ids().Make(IdKind::kInstance, edition.value));
  }
  if (job.id.empty() || job.state != WarehouseJob::State::kDone || !job.error.empty()) {
    return Status::OK();
  }
  reply->set_result_size_records(job.rows);
  reply->set_result_size_bytes(job.bytes);
  const Cursor cursor{.kind = Cursor::Kind::kResult, .id = job.id, .to = job.rows};
  ARROW_ASSIGN_OR_RAISE(*reply->add_replay_cursors(), parts_->cursors->Write(cursor));
  return Status::OK();
}

Status Gateway::DoQueryWarehouse(const Requester& who, const wire::QueryWarehouseRequest& request,
                                 wire::WarehouseJob* reply) {
  if (request.partitions() < 0 || request.partitions() > kPartitionsMax) {
    return Invalid("partitions must be between 1 and 32");
  }
  ARROW_ASSIGN_OR_RAISE(
      const WarehouseJob job,
      parts_->warehouse->Query(who, {.sql = request.query(),
                                     .dry_run = request.dry_run(),
                                     .timeout_ms = request.timeout_ms(),
                                     .max_bytes_scanned = request.max_bytes_scanned()}));
  return ShowJob(job, reply);
}

Status Gateway::DoPollWarehouseJob(const Requester& who, const std::string& id,
                                   wire::WarehouseJob* reply) {
  if (id.size() != kJobIdBytes) return Invalid("a job id has 16 bytes: the job was not found");
  ARROW_ASSIGN_OR_RAISE(const WarehouseJob job, parts_->warehouse->Poll(who, id));
  return ShowJob(job, reply);
}

grpc::Status Gateway::QueryWarehouse(grpc::ServerContext* context,
                                     const wire::QueryWarehouseRequest* request,
                                     wire::QueryWarehouseResponse* reply) {
  const auto who = SignIn(*context);
  return ToWire(who.ok() ? DoQueryWarehouse(*who, *request, reply->mutable_job()) : who.status());
}

grpc::Status Gateway::PollWarehouseJob(grpc::ServerContext* context,
                                       const wire::PollWarehouseJobRequest* request,
                                       wire::PollWarehouseJobResponse* reply) {
  const auto who = SignIn(*context);
  return ToWire(who.ok() ? DoPollWarehouseJob(*who, request->job_id(), reply->mutable_job())
                         : who.status());
}

}  // namespace firth::doors::beneath
