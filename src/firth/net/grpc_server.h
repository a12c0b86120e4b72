// The gRPC server that doors put their services in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace firth::net {

struct GrpcServerOptions {
  std::vector<std::string> listen;  // as FrameServerOptions::listen
  std::string tls_certificate_file;
  std::string tls_key_file;
  int request_bytes_max = 64 << 20;
  int threads_max = 8;
};

/// Serves `services` (which outlive it) from Start to Stop.
class GrpcServer {
 public:
  static Result<std::unique_ptr<GrpcServer>> Start(GrpcServerOptions options,
                                                   const std::vector<grpc::Service*>& services);
  virtual ~GrpcServer() = default;
  virtual std::vector<std::string> endpoints() const = 0;
  /// Let calls finish for `grace_ns`, then cancel them. Blocks.
  virtual void Stop(int64_t grace_ns) = 0;
};

}  // namespace firth::net
