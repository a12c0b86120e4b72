// The STS part: who am I?
#pragma once

#include "firth/doors/aws/call.h"
#include "firth/doors/aws/instances.h"

namespace firth::doors::aws {

Result<net::HttpResponse> AnswerSts(const Call& call, const Instances& instances);

}  // namespace firth::doors::aws
