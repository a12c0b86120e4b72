// The service's methods. Application errors travel in the reply's `stat`, never as a gRPC status; a
// reply without `stat` is a success.
#pragma once

#include <grpcpp/grpcpp.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "btrdb.grpc.pb.h"
#include "firth/doors/btrdb/payload.h"
#include "firth/doors/btrdb/sql_space.h"
#include "firth/doors/btrdb/subscribe.h"
#include "firth/table/database.h"

namespace firth::doors::btrdb {

/// All methods but one have a thread while they run; Subscribe, which lasts, has none.
class Service final : public v5api::BTrDB::WithCallbackMethod_Subscribe<v5api::BTrDB::Service> {
 public:
  /// `sql_space` is what each statement gets.
  Service(table::Database* database, SqlSpace sql_space)
      : database_(database), sql_space_(std::move(sql_space)), subscribers_(database) {}

  /// Where clients reach the server, which knows it once it listens.
  void SetEndpoints(std::vector<std::string> endpoints) {
    std::lock_guard lock(mutex_);
    endpoints_ = std::move(endpoints);
  }
  /// End the calls that would not end by themselves.
  void Stop() { subscribers_.Stop(); }

  using Context = grpc::ServerContext;
  template <typename T>
  using Writer = grpc::ServerWriter<T>;

  grpc::Status Info(Context* context, const v5api::InfoParams* request,
                    v5api::InfoResponse* reply) override;
  grpc::Status Create(Context* context, const v5api::CreateParams* request,
                      v5api::CreateResponse* reply) override;
  grpc::Status StreamInfo(Context* context, const v5api::StreamInfoParams* request,
                          v5api::StreamInfoResponse* reply) override;
  grpc::Status SetStreamTags(Context* context, const v5api::SetStreamTagsParams* request,
                             v5api::SetStreamTagsResponse* reply) override;
  grpc::Status SetStreamAnnotations(Context* context,
                                    const v5api::SetStreamAnnotationsParams* request,
                                    v5api::SetStreamAnnotationsResponse* reply) override;
  grpc::Status Obliterate(Context* context, const v5api::ObliterateParams* request,
                          v5api::ObliterateResponse* reply) override;
  grpc::Status ListCollections(Context* context, const v5api::ListCollectionsParams* request,
                               Writer<v5api::ListCollectionsResponse>* writer) override;
  grpc::Status LookupStreams(Context* context, const v5api::LookupStreamsParams* request,
                             Writer<v5api::LookupStreamsResponse>* writer) override;
  grpc::Status GetMetadataUsage(Context* context, const v5api::MetadataUsageParams* request,
                                v5api::MetadataUsageResponse* reply) override;
  grpc::Status Insert(Context* context, const v5api::InsertParams* request,
                      v5api::InsertResponse* reply) override;
  grpc::Status ArrowInsert(Context* context, const v5api::ArrowInsertParams* request,
                           v5api::InsertResponse* reply) override;
  grpc::Status Delete(Context* context, const v5api::DeleteParams* request,
                      v5api::DeleteResponse* reply) override;
  grpc::Status Flush(Context* context, const v5api::FlushParams* request,
                     v5api::FlushResponse* reply) override;
  grpc::Status Nearest(Context* context, const v5api::NearestParams* request,
                       v5api::NearestResponse* reply) override;
  grpc::Status RawValues(Context* context, const v5api::RawValuesParams* request,
                         Writer<v5api::RawValuesResponse>* writer) override;
  grpc::Status ArrowRawValues(Context* context, const v5api::ArrowRawValuesParams* request,
                              Writer<v5api::ArrowRawValuesResponse>* writer) override;
  grpc::Status AlignedWindows(Context* context, const v5api::AlignedWindowsParams* request,
                              Writer<v5api::AlignedWindowsResponse>* writer) override;
  grpc::Status ArrowAlignedWindows(Context* context, const v5api::AlignedWindowsParams* request,
                                   Writer<v5api::ArrowAlignedWindowsResponse>* writer) override;
  grpc::Status Windows(Context* context, const v5api::WindowsParams* request,
                       Writer<v5api::WindowsResponse>* writer) override;
  grpc::Status ArrowWindows(Context* context, const v5api::WindowsParams* request,
                            Writer<v5api::ArrowWindowsResponse>* writer) override;
  grpc::Status Changes(Context* context, const v5api::ChangesParams* request,
                       Writer<v5api::ChangesResponse>* writer) override;
  grpc::Status ArrowMultiValues(Context* context, const v5api::ArrowMultiValuesParams* request,
                                Writer<v5api::ArrowMultiValuesResponse>* writer) override;
  grpc::Status GenerateCSV(Context* context, const v5api::GenerateCSVParams* request,
                           Writer<v5api::GenerateCSVResponse>* writer) override;
  grpc::Status SQLQuery(Context* context, const v5api::SQLQueryParams* request,
                        Writer<v5api::SQLQueryResponse>* writer) override;
  SubscribeReactor* Subscribe(grpc::CallbackServerContext* context) override {
    return subscribers_.Begin(*context);
  }
  grpc::Status FaultInject(Context* context, const v5api::FaultInjectParams* request,
                           v5api::FaultInjectResponse* reply) override;

 private:
  table::Database* const database_;
  const SqlSpace sql_space_;
  PointDecoder decoder_;
  std::mutex mutex_;
  std::vector<std::string> endpoints_;  // guarded by mutex_
  Subscribers subscribers_;
};

}  // namespace firth::doors::btrdb
