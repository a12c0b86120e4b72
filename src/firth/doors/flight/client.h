// The other end of this door: what the command line speaks to a server with.
#pragma once

#include <memory>
#include <string>

#include "firth/common/status.h"
#include "firth/doors/flight/session.h"

namespace firth::doors::flight {

/// A session at a server, thread-safe. `server` is host:port, perhaps with grpc:// or, for TLS,
/// grpc+tls:// before it; an empty secret is anonymous. Does not connect yet. Errors of its calls
/// are those that the server met, code and reason; kUnavailable where there is no server.
Result<std::unique_ptr<Session>> Connect(const std::string& server, const std::string& secret);

}  // namespace firth::doors::flight
