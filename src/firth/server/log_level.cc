#include "firth/server/log_level.h"

namespace firth::server {

Result<logging::Level> ParseLogLevel(const std::string& name) {
  if (name == "debug") return logging::Level::kDebug;
  if (name == "info") return logging::Level::kInfo;
  if (name == "warning") return logging::Level::kWarning;
  if (name == "error") return logging::Level::kError;
  return Error(
      Code::kInvalidArgument, Reason::kNone,
      "log.level: there is no level '" + name + "': it is one of debug, info, warning, error");
}

}  // namespace firth::server
