// Methods about streams rather than points.
#include <algorithm>
#include <map>

#include "firth/doors/btrdb/call.h"
#include "firth/doors/btrdb/service.h"
#include "firth/doors/btrdb/streams.h"

namespace firth::doors::btrdb {
namespace {

constexpr uint32_t kMajorVersion = 5;
constexpr uint32_t kMinorVersion = 34;
constexpr int kResultsAMessage = 500;
/// Well below the 4 MiB that old clients take.
constexpr size_t kBytesAMessage = size_t{1} << 20;

bool Matches(const table::SeriesInfo& series, const v5api::LookupStreamsParams& request) {
  for (const auto& tag : request.tags()) {
    const auto found = series.tags.find(tag.key());
    const std::string value = found == series.tags.end() ? "" : found->second;
    if (tag.has_val() ? value != tag.val().value() : value.empty()) return false;
  }
  for (const auto& annotation : request.annotations()) {
    const auto found = series.annotations.find(annotation.key());
    if (found == series.annotations.end()) return false;
    if (annotation.has_val() && found->second != annotation.val().value()) return false;
  }
  return true;
}

}  // namespace

grpc::Status Service::Info(Context* context, const v5api::InfoParams*, v5api::InfoResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  reply->set_majorversion(kMajorVersion);
  reply->set_minorversion(kMinorVersion);
  reply->set_build("5.34.0-firth");
  std::lock_guard lock(mutex_);
  for (const std::string& endpoint : endpoints_) {
    reply->mutable_proxy()->add_proxyendpoints(endpoint);
  }
  return grpc::Status::OK;
}

grpc::Status Service::Create(Context* context, const v5api::CreateParams* request,
                             v5api::CreateResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  table::SeriesInfo series;
  series.tags = EmptyTags();
  if (auto refused = ReadId(request->uuid(), &series.id)) return Refuse(*refused, reply);
  if (auto refused = ReadCollection(request->collection(), &series.collection)) {
    return Refuse(*refused, reply);
  }
  if (auto refused = ReadTags(request->tags(), &series.tags)) return Refuse(*refused, reply);
  if (auto refused = ReadAnnotations(request->annotations(), &series.annotations)) {
    return Refuse(*refused, reply);
  }
  if (Status made = database_->series()->Create(caller, series); !made.ok()) {
    return Refuse(made, reply);
  }
  return grpc::Status::OK;
}

grpc::Status Service::StreamInfo(Context* context, const v5api::StreamInfoParams* request,
                                 v5api::StreamInfoResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  if (request->omitversion() && request->omitdescriptor()) {
    return Refuse(Refusal{kWrongArguments, "version and descriptor are both omitted"}, reply);
  }
  table::SeriesId id;
  if (auto refused = ReadId(request->uuid(), &id)) return Refuse(*refused, reply);
  const auto series = database_->series()->Get(caller, id);
  if (!series.ok()) return Refuse(series.status(), reply);
  if (!request->omitversion()) {
    const auto revision = database_->series()->LatestRevision(caller, id);
    if (!revision.ok()) return Refuse(revision.status(), reply);
    reply->set_versionmajor(static_cast<uint64_t>(*revision));
  }
  if (!request->omitdescriptor()) WriteDescriptor(**series, reply->mutable_stream_descriptor());
  return grpc::Status::OK;
}

grpc::Status Service::SetStreamTags(Context* context, const v5api::SetStreamTagsParams* request,
                                    v5api::SetStreamTagsResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  table::SeriesId id;
  if (auto refused = ReadId(request->uuid(), &id)) return Refuse(*refused, reply);
  table::SeriesChange change;
  change.expected_version = request->expectedpropertyversion();
  for (const std::string& key : request->remove()) {
    if (auto refused = CheckTagKey(key)) return Refuse(*refused, reply);
    change.tags[key] = "";
  }
  if (auto refused = ReadTags(request->tags(), &change.tags)) return Refuse(*refused, reply);
  if (!request->collection().empty()) {
    Path collection;
    if (auto refused = ReadCollection(request->collection(), &collection)) {
      return Refuse(*refused, reply);
    }
    change.collection = std::move(collection);
  }
  if (Status done = database_->series()->Alter(caller, id, change); !done.ok()) {
    return Refuse(done, reply);
  }
  return grpc::Status::OK;
}

grpc::Status Service::SetStreamAnnotations(Context* context,
                                           const v5api::SetStreamAnnotationsParams* request,
                                           v5api::SetStreamAnnotationsResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  table::SeriesId id;
  if (auto refused = ReadId(request->uuid(), &id)) return Refuse(*refused, reply);
  table::SeriesChange change;
  change.expected_version = request->expectedpropertyversion();
  change.annotation_removals.assign(request->removals().begin(), request->removals().end());
  if (auto refused = ReadAnnotations(request->changes(), &change.annotations)) {
    return Refuse(*refused, reply);
  }
  if (Status done = database_->series()->Alter(caller, id, change); !done.ok()) {
    return Refuse(done, reply);
  }
  return grpc::Status::OK;
}

grpc::Status Service::Obliterate(Context* context, const v5api::ObliterateParams* request,
                                 v5api::ObliterateResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  table::SeriesId id;
  if (auto refused = ReadId(request->uuid(), &id)) return Refuse(*refused, reply);
  if (Status done = database_->series()->Obliterate(caller, id); !done.ok()) {
    return Refuse(done, reply);
  }
  return grpc::Status::OK;
}

grpc::Status Service::ListCollections(Context* context, const v5api::ListCollectionsParams* request,
                                      Writer<v5api::ListCollectionsResponse>* writer) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  const auto found = CollectionsWithPrefix(database_, caller, request->prefix());
  if (!found.ok()) return RefuseStream(found.status(), writer);
  v5api::ListCollectionsResponse reply;
  for (const Collection& collection : *found) {
    reply.add_collections(collection.text);
    if (reply.collections_size() < kResultsAMessage) continue;
    if (!writer->Write(reply)) return grpc::Status::CANCELLED;
    reply.Clear();
  }
  writer->Write(reply);
  return grpc::Status::OK;
}

grpc::Status Service::LookupStreams(Context* context, const v5api::LookupStreamsParams* request,
                                    Writer<v5api::LookupStreamsResponse>* writer) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  for (const auto& tag : request->tags()) {
    if (auto refused = CheckTagKey(tag.key())) return RefuseStream(*refused, writer);
  }
  v5api::LookupStreamsResponse reply;
  size_t bytes = 0;
  bool sent = true;
  const auto visit = [&](const table::SeriesPtr& series) -> Result<bool> {
    if (!Matches(*series, *request)) return !context->IsCancelled();
    auto* described = reply.add_results();
    WriteDescriptor(*series, described);
    bytes += described->ByteSizeLong();
    if (reply.results_size() < kResultsAMessage && bytes < kBytesAMessage) return true;
    sent = writer->Write(reply);
    reply.Clear();
    bytes = 0;
    return sent;
  };
  const Status visited =
      request->iscollectionprefix()
          ? VisitStreamsWithPrefix(database_, caller, request->collection(), visit)
          : VisitStreamsOf(database_, caller, request->collection(), visit);
  if (!visited.ok()) return RefuseStream(visited, writer);
  if (!sent || context->IsCancelled()) return grpc::Status::CANCELLED;
  writer->Write(reply);
  return grpc::Status::OK;
}

grpc::Status Service::GetMetadataUsage(Context* context, const v5api::MetadataUsageParams* request,
                                       v5api::MetadataUsageResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  std::map<std::string, uint64_t> tags;
  for (const auto& [key, empty] : EmptyTags()) tags[key] = 0;
  std::map<std::string, uint64_t> annotations;
  const auto count = [&](const table::SeriesPtr& series) -> Result<bool> {
    for (const auto& [key, value] : series->tags) tags[key] += value.empty() ? 0 : 1;
    for (const auto& [key, value] : series->annotations) ++annotations[key];
    return !context->IsCancelled();
  };
  const Status visited = VisitStreamsWithPrefix(database_, caller, request->prefix(), count);
  if (!visited.ok()) return Refuse(visited, reply);
  for (const auto& [key, times] : tags) {
    auto* out = reply->add_tags();
    out->set_key(key);
    out->set_count(times);
  }
  for (const auto& [key, times] : annotations) {
    auto* out = reply->add_annotations();
    out->set_key(key);
    out->set_count(times);
  }
  return grpc::Status::OK;
}

grpc::Status Service::FaultInject(Context* context, const v5api::FaultInjectParams*,
                                  v5api::FaultInjectResponse* reply) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  return Refuse(Refusal{kFaultInjectionDisabled, "fault injection is disabled"}, reply);
}

}  // namespace firth::doors::btrdb
