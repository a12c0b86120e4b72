#include "btrdb_sink.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "btrdb.grpc.pb.h"
#include "btrdb_points.h"
#include "measured.h"

namespace firth::bench {
namespace {

template <typename T>
using Writer = grpc::ServerWriter<T>;

class Sink : public v5api::BTrDB::Service {
 public:
  Sink(int64_t points, int64_t batch, int64_t windows) : points_(points), batch_(batch) {
    PointBatches(batch, 0).Next(0, batch_reply_.mutable_arrowbytes());
    PointBatches(std::max<int64_t>(points % batch, 1), 0).Next(0, rest_reply_.mutable_arrowbytes());
    *windows_reply_.mutable_arrowbytes() = WindowsStream(windows);
  }

  grpc::Status Info(grpc::ServerContext*, const v5api::InfoParams*, v5api::InfoResponse*) override {
    return grpc::Status::OK;
  }
  grpc::Status ArrowInsert(grpc::ServerContext*, const v5api::ArrowInsertParams*,
                           v5api::InsertResponse*) override {
    return grpc::Status::OK;
  }
  grpc::Status Nearest(grpc::ServerContext*, const v5api::NearestParams*,
                       v5api::NearestResponse*) override {
    return grpc::Status::OK;
  }
  grpc::Status ArrowRawValues(grpc::ServerContext*, const v5api::ArrowRawValuesParams*,
                              Writer<v5api::ArrowRawValuesResponse>* writer) override {
    for (int64_t sent = 0; sent + batch_ <= points_; sent += batch_) {
      if (!writer->Write(batch_reply_)) return grpc::Status::CANCELLED;
    }
    if (points_ % batch_ != 0) writer->Write(rest_reply_);
    return grpc::Status::OK;
  }
  grpc::Status ArrowWindows(grpc::ServerContext*, const v5api::WindowsParams*,
                            Writer<v5api::ArrowWindowsResponse>* writer) override {
    writer->Write(windows_reply_);
    return grpc::Status::OK;
  }
  grpc::Status ArrowAlignedWindows(grpc::ServerContext*, const v5api::AlignedWindowsParams*,
                                   Writer<v5api::ArrowAlignedWindowsResponse>* writer) override {
    v5api::ArrowAlignedWindowsResponse reply;
    reply.set_arrowbytes(windows_reply_.arrowbytes());
    writer->Write(reply);
    return grpc::Status::OK;
  }

 private:
  const int64_t points_;
  const int64_t batch_;
  v5api::ArrowRawValuesResponse batch_reply_;
  v5api::ArrowRawValuesResponse rest_reply_;
  v5api::ArrowWindowsResponse windows_reply_;
};

}  // namespace

void ServeBtrdbSink(int port, int64_t points, int64_t batch, int64_t windows) {
  Sink sink(points, batch, windows);
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                           &bound);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterService(&sink);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) Fail("cannot listen");
  std::printf("%d\n", bound);
  std::fflush(stdout);
  server->Wait();
  Fail("the server ended");
}

}  // namespace firth::bench
