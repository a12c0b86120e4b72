// The door for AWS's clients: S3, SQS, DynamoDB and STS as far as a Sleeper instance needs them,
// and S3 for everybody, on one port.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/doors/aws/instances.h"
#include "firth/net/event_loops.h"
#include "firth/table/database.h"

namespace firth::doors::aws {

struct AwsDoorOptions {
  table::Database* database = nullptr;
  net::EventLoops* loops = nullptr;
  std::vector<std::string> listen;
  std::string tls_certificate_file;
  std::string tls_key_file;
  InstanceOptions instances;
};

/// Serves from Start to Stop.
class AwsDoor {
 public:
  static Result<std::unique_ptr<AwsDoor>> Start(const AwsDoorOptions& options);
  virtual ~AwsDoor() = default;
  virtual std::vector<std::string> endpoints() const = 0;
  virtual void Stop(int64_t grace_ns) = 0;
};

}  // namespace firth::doors::aws
