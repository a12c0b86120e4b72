// The client's two calls that carry rows.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>

#include "firth/common/status.h"
#include "firth/doors/flight/session.h"

namespace firth::doors::flight {

/// Put the secret, if there is one, on a call.
void SignCall(const std::string& secret, grpc::ClientContext* context);
/// What a call ended with, as the server's own status.
Status CallStatus(const grpc::Status& status, const grpc::ClientContext& context,
                  const std::string& server);

Result<std::unique_ptr<RowReader>> StartGet(const std::shared_ptr<grpc::Channel>& channel,
                                            const std::string& server, const std::string& secret,
                                            const std::string& ticket);
Result<std::unique_ptr<RowWriter>> StartPut(const std::shared_ptr<grpc::Channel>& channel,
                                            const std::string& server, const std::string& secret,
                                            const std::string& target,
                                            const std::shared_ptr<arrow::Schema>& schema);

}  // namespace firth::doors::flight
