// Errors of the AWS protocols: what went wrong, as each service names it.
#pragma once

#include <string>
#include <string_view>

#include "firth/common/status.h"
#include "firth/net/http_server.h"

namespace firth::doors::aws {

/// The services of this door; they differ in how a request is spelt and an error is written.
enum class Service { kS3, kSqs, kDynamo, kSts, kRest };

/// A Status that is this error of the protocol, by its name in the table of errors.cc.
Status Fault(std::string_view code, std::string message);

/// The error's name on the wire: that of a Fault, else what the table has for code and reason.
std::string WireCode(const Status& status, Service service);
/// The HTTP status of an error's name.
int HttpStatusOf(std::string_view wire_code, Service service);

/// What an error answer has to say beside the error.
struct ErrorPlace {
  std::string_view request_id;
  std::string_view resource;
  bool query_protocol = false;  // SQS as forms and XML
};
/// The answer in the service's own form.
net::HttpResponse ErrorAnswer(const Status& status, Service service, const ErrorPlace& place);

}  // namespace firth::doors::aws
