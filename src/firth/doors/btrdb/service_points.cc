// Methods about points: in, out, and what changed.
#include <algorithm>
#include <cmath>
#include <span>

#include "firth/doors/btrdb/call.h"
#include "firth/doors/btrdb/payload.h"
#include "firth/doors/btrdb/reads.h"
#include "firth/doors/btrdb/service.h"

namespace firth::doors::btrdb {
namespace {

constexpr int64_t kInsertPointsMax = 1'000'000;
constexpr int kRoundBitsMax = 1100;

bool Rounds(const v5api::RoundSpec& rounding) {
  return rounding.spec_case() == v5api::RoundSpec::kBits;
}

/// Replace each value by the nearest multiple of 2^bits, ties to even.
void Round(const v5api::RoundSpec& rounding, std::span<double> values) {
  // Beyond what a double's exponent can say, nothing is rounded or all of it.
  const int bits = std::clamp(rounding.bits(), -kRoundBitsMax, kRoundBitsMax);
  for (double& value : values) {
    const double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -bits)), bits);
    if (std::isfinite(rounded)) value = rounded;
  }
}

grpc::Status StorePoints(table::Database* database, const access::Caller& caller,
                         const std::string& uuid, int policy, std::span<const int64_t> times,
                         std::span<const double> values, const table::PointMessage& message,
                         v5api::InsertResponse* reply) {
  table::SeriesId id;
  if (auto refused = ReadId(uuid, &id)) return Refuse(*refused, reply);
  if (policy < 0 || policy > 3) {
    return Refuse(Refusal{kWrongArguments, "the merge policy is 0 to 3"}, reply);
  }
  const auto revision = database->series()->Insert(
      caller, id, times, values, static_cast<table::MergePolicy>(policy), message);
  if (!revision.ok()) return Refuse(revision.status(), reply);
  reply->set_versionmajor(static_cast<uint64_t>(*revision));
  return grpc::Status::OK;
}

/// Stream a cursor's batches, each as one message that `fill` makes; at least one is sent.
template <typename Reply, typename Batch, typename Fill>
grpc::Status StreamBatches(grpc::ServerContext* context, timeview::Cursor<Batch>* cursor,
                           int64_t revision, grpc::ServerWriter<Reply>* writer, const Fill& fill) {
  Batch batch;
  bool first = true;
  while (!context->IsCancelled()) {
    if (Status next = cursor->Next(kRowsAMessage, &batch); !next.ok()) {
      return RefuseStream(next, writer);
    }
    if (batch.size() == 0 && !first) return grpc::Status::OK;
    Reply reply;
    reply.set_versionmajor(static_cast<uint64_t>(revision));
    if (Status filled = fill(batch, &reply); !filled.ok()) return RefuseStream(filled, writer);
    if (!writer->Write(reply)) return grpc::Status::CANCELLED;
    if (batch.size() == 0) return grpc::Status::OK;
    first = false;
  }
  return grpc::Status::CANCELLED;
}

template <typename Reply>
Status FillPoints(const timeview::PointBatch& batch, Reply* reply) {
  for (size_t i = 0; i < batch.size(); ++i) {
    auto* point = reply->add_values();
    point->set_time(batch.times[i]);
    point->set_value(batch.values[i]);
  }
  return Status::OK();
}

template <typename Reply>
Status FillWindows(const timeview::WindowBatch& batch, Reply* reply) {
  for (size_t i = 0; i < batch.size(); ++i) {
    auto* window = reply->add_values();
    window->set_time(batch.starts[i]);
    window->set_min(batch.min[i]);
    window->set_mean(batch.mean[i]);
    window->set_max(batch.max[i]);
    window->set_count(batch.count[i]);
    window->set_stddev(batch.stddev[i]);
  }
  return Status::OK();
}

template <typename Reply>
Status FillArrowWindows(const timeview::WindowBatch& batch, Reply* reply) {
  ARROW_ASSIGN_OR_RAISE(*reply->mutable_arrowbytes(), EncodeWindows(batch));
  return Status::OK();
}

/// Sign in and pin the revision that a read asks for; false when the call has been answered.
template <typename Request, typename Reply>
bool Pin(grpc::ServerContext* context, table::Database* database, const Request& request,
         grpc::ServerWriter<Reply>* writer, std::optional<table::Snapshot>* snapshot,
         grpc::Status* answer) {
  access::Caller caller;
  *answer = SignIn(*context, database, &caller);
  if (!answer->ok()) return false;
  table::SeriesId id;
  if (auto refused = ReadId(request.uuid(), &id)) {
    *answer = RefuseStream(*refused, writer);
    return false;
  }
  auto pinned = database->series()->Pin(caller, id, RevisionOf(request.versionmajor()));
  if (!pinned.ok()) {
    *answer = RefuseStream(pinned.status(), writer);
    return false;
  }
  snapshot->emplace(std::move(*pinned));
  return true;
}

template <typename Reply, typename Fill>
grpc::Status StreamAligned(grpc::ServerContext* context, table::Database* database,
                           const v5api::AlignedWindowsParams& request,
                           grpc::ServerWriter<Reply>* writer, const Fill& fill) {
  std::optional<table::Snapshot> snapshot;
  grpc::Status answer;
  if (!Pin(context, database, request, writer, &snapshot, &answer)) return answer;
  if (auto refused = CheckAligned(request.start(), request.end(), request.pointwidth())) {
    return RefuseStream(*refused, writer);
  }
  auto cursor = snapshot->AlignedWindows(request.start(), request.end(),
                                         static_cast<int>(request.pointwidth()));
  if (!cursor.ok()) return RefuseStream(cursor.status(), writer);
  return StreamBatches(context, cursor->get(), snapshot->revision(), writer, fill);
}

template <typename Reply, typename Fill>
grpc::Status StreamWindows(grpc::ServerContext* context, table::Database* database,
                           const v5api::WindowsParams& request, grpc::ServerWriter<Reply>* writer,
                           const Fill& fill) {
  std::optional<table::Snapshot> snapshot;
  grpc::Status answer;
  if (!Pin(context, database, request, writer, &snapshot, &answer)) return answer;
  if (auto refused =
          CheckWindows(request.start(), request.end(), request.width(), request.depth())) {
    return RefuseStream(*refused, writer);
  }
  auto cursor = snapshot->Windows(request.start(), request.end(), request.width());
  if (!cursor.ok()) return RefuseStream(cursor.status(), writer);
  return StreamBatches(context, cursor->get(), snapshot->revision(), writer, fill);
}

}  // namespace

grpc::Status Service::Insert(Context* context, const v5api::InsertParams* request,
                             v5api::InsertResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  if (request->values_size() > kInsertPointsMax) {
    return Refuse(Refusal{kInsertTooBig, "an insert has at most 1,000,000 points"}, reply);
  }
  timeview::PointBatch points;
  for (const auto& point : request->values()) {
    points.times.push_back(point.time());
    points.values.push_back(point.value());
  }
  if (Rounds(request->rounding())) Round(request->rounding(), points.values);
  return StorePoints(database_, caller, request->uuid(), request->merge_policy(), points.times,
                     points.values, {}, reply);
}

grpc::Status Service::ArrowInsert(Context* context, const v5api::ArrowInsertParams* request,
                                  v5api::InsertResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  // gRPC made the request for this call alone. Its bytes become the log's without a copy.
  auto bytes =
      BufferOf(std::move(*const_cast<v5api::ArrowInsertParams*>(request)->mutable_arrowbytes()));
  auto points = decoder_.Decode(std::move(bytes), kInsertPointsMax);
  if (!points.ok()) return Refuse(points.status(), reply);
  if (Rounds(request->rounding())) Round(request->rounding(), points->OwnValues());
  return StorePoints(database_, caller, request->uuid(), request->merge_policy(), points->times(),
                     points->values(), points->message(), reply);
}

grpc::Status Service::Delete(Context* context, const v5api::DeleteParams* request,
                             v5api::DeleteResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  table::SeriesId id;
  if (auto refused = ReadId(request->uuid(), &id)) return Refuse(*refused, reply);
  const auto revision = database_->series()->Delete(caller, id, request->start(), request->end());
  if (!revision.ok()) return Refuse(revision.status(), reply);
  reply->set_versionmajor(static_cast<uint64_t>(*revision));
  return grpc::Status::OK;
}

grpc::Status Service::Flush(Context* context, const v5api::FlushParams* request,
                            v5api::FlushResponse* reply) {
  // Whatever was acknowledged is durable already.
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  table::SeriesId id;
  if (auto refused = ReadId(request->uuid(), &id)) return Refuse(*refused, reply);
  const auto revision = database_->series()->LatestRevision(caller, id);
  if (!revision.ok()) return Refuse(revision.status(), reply);
  reply->set_versionmajor(static_cast<uint64_t>(*revision));
  return grpc::Status::OK;
}

grpc::Status Service::Nearest(Context* context, const v5api::NearestParams* request,
                              v5api::NearestResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  table::SeriesId id;
  if (auto refused = ReadId(request->uuid(), &id)) return Refuse(*refused, reply);
  const auto snapshot = database_->series()->Pin(caller, id, RevisionOf(request->versionmajor()));
  if (!snapshot.ok()) return Refuse(snapshot.status(), reply);
  if (request->time() < timeview::kTimeMin || request->time() >= timeview::kTimeTop) {
    return Refuse(Refusal{kBadTime, "the time is off the time line"}, reply);
  }
  const auto found =
      snapshot->Nearest(request->time(), request->backward() ? timeview::Direction::kBackward
                                                             : timeview::Direction::kForward);
  if (!found.ok()) return Refuse(found.status(), reply);
  if (!found->has_value()) return Refuse(Refusal{kNoSuchPoint, "no such point"}, reply);
  reply->set_versionmajor(static_cast<uint64_t>(snapshot->revision()));
  reply->mutable_value()->set_time((*found)->time);
  reply->mutable_value()->set_value((*found)->value);
  return grpc::Status::OK;
}

grpc::Status Service::RawValues(Context* context, const v5api::RawValuesParams* request,
                                Writer<v5api::RawValuesResponse>* writer) {
  std::optional<table::Snapshot> snapshot;
  grpc::Status answer;
  if (!Pin(context, database_, *request, writer, &snapshot, &answer)) return answer;
  auto cursor = snapshot->Points(request->start(), request->end());
  if (!cursor.ok()) return RefuseStream(cursor.status(), writer);
  return StreamBatches(context, cursor->get(), snapshot->revision(), writer,
                       FillPoints<v5api::RawValuesResponse>);
}

grpc::Status Service::ArrowRawValues(Context* context, const v5api::ArrowRawValuesParams* request,
                                     Writer<v5api::ArrowRawValuesResponse>* writer) {
  const auto schema = ParseTemplate(request->templatebytes(), ValueSchema());
  std::optional<table::Snapshot> snapshot;
  grpc::Status answer;
  if (!schema.ok()) {
    access::Caller caller;
    answer = SignIn(*context, database_, &caller);
    return answer.ok() ? RefuseStream(schema.status(), writer) : answer;
  }
  if (!Pin(context, database_, *request, writer, &snapshot, &answer)) return answer;
  auto cursor = snapshot->Points(request->start(), request->end());
  if (!cursor.ok()) return RefuseStream(cursor.status(), writer);
  return StreamBatches(
      context, cursor->get(), snapshot->revision(), writer,
      [&](const timeview::PointBatch& batch, v5api::ArrowRawValuesResponse* reply) -> Status {
        ARROW_ASSIGN_OR_RAISE(*reply->mutable_arrowbytes(), EncodePoints(batch, *schema));
        return Status::OK();
      });
}

grpc::Status Service::AlignedWindows(Context* context, const v5api::AlignedWindowsParams* request,
                                     Writer<v5api::AlignedWindowsResponse>* writer) {
  return StreamAligned(context, database_, *request, writer,
                       FillWindows<v5api::AlignedWindowsResponse>);
}

grpc::Status Service::ArrowAlignedWindows(Context* context,
                                          const v5api::AlignedWindowsParams* request,
                                          Writer<v5api::ArrowAlignedWindowsResponse>* writer) {
  return StreamAligned(context, database_, *request, writer,
                       FillArrowWindows<v5api::ArrowAlignedWindowsResponse>);
}

grpc::Status Service::Windows(Context* context, const v5api::WindowsParams* request,
                              Writer<v5api::WindowsResponse>* writer) {
  return StreamWindows(context, database_, *request, writer, FillWindows<v5api::WindowsResponse>);
}

grpc::Status Service::ArrowWindows(Context* context, const v5api::WindowsParams* request,
                                   Writer<v5api::ArrowWindowsResponse>* writer) {
  return StreamWindows(context, database_, *request, writer,
                       FillArrowWindows<v5api::ArrowWindowsResponse>);
}

grpc::Status Service::Changes(Context* context, const v5api::ChangesParams* request,
                              Writer<v5api::ChangesResponse>* writer) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  table::SeriesId id;
  if (auto refused = ReadId(request->uuid(), &id)) return RefuseStream(*refused, writer);
  const auto to = database_->series()->Pin(caller, id, RevisionOf(request->tomajor()));
  if (!to.ok()) return RefuseStream(to.status(), writer);
  if (request->frommajor() > static_cast<uint64_t>(to->revision())) {
    return RefuseStream(Refusal{kBadVersions, "the changes end before they begin"}, writer);
  }
  if (request->resolution() > kWidthBitsMax) {
    return RefuseStream(Refusal{kBadWidth, "the resolution is 0 to 63"}, writer);
  }
  auto cursor =
      database_->series()->Changes(caller, id, RevisionOf(request->frommajor()), to->revision(),
                                   static_cast<int>(request->resolution()));
  if (!cursor.ok()) return RefuseStream(cursor.status(), writer);
  return StreamBatches(
      context, cursor->get(), to->revision(), writer,
      [](const std::vector<timeview::TimeRange>& batch, v5api::ChangesResponse* reply) -> Status {
        for (const auto& range : batch) {
          auto* out = reply->add_ranges();
          out->set_start(range.start);
          out->set_end(range.end);
        }
        return Status::OK();
      });
}

}  // namespace firth::doors::btrdb
