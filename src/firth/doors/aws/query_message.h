// What a message that asks for rows says.
#pragma once

#include <cstdint>
#include <string>

#include "firth/common/status.h"
#include "firth/doors/aws/json.h"
#include "firth/doors/aws/table_shape.h"

namespace firth::doors::aws {

/// A query's message, as far as it can be read.
struct QueryMessage {
  std::string id;  // "" if there is none to be read
  json body;
};
/// Takes any text.
QueryMessage ReadQueryMessage(const std::string& body);

/// Where the answer is to go.
struct Destination {
  enum class Kind { kObjects, kQueue, kNowhere } kind = Kind::kObjects;
  std::string place;          // bucket, or queue; "": the instance's own
  int64_t batch_rows = 2000;  // of a message
};
/// Error kInvalidArgument says what is wrong with the query.
Result<Destination> ReadDestination(const json& query);

/// Leave the keys and the values asked for in `shape`. Errors: as ReadDestination.
Status KeepRequested(const json& query, TableShape* shape);

}  // namespace firth::doors::aws
