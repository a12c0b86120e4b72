// The files that a commit names, found and checked.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/table/files.h"

namespace firth::doors::deltacat {

struct Entry {
  table::FileSource source;
  int64_t record_count = -1;  // as the client says; -1: it does not
};

/// Where entries may lie.
struct EntryRules {
  std::string store_root;            // absolute
  std::string folder;                // of the session, from the store's root
  bool external = false;             // also in one of `folders`: such files stay where they are
  std::vector<std::string> folders;  // absolute
  std::string format;
};

/// Errors: invalid_request; entry_outside_session, also for what leads out of the folder by links;
/// entry_not_found.
Result<std::vector<Entry>> ParseEntries(const nlohmann::json& body, const EntryRules& rules);

/// The plain name of a content type, as `application/parquet` and `ContentType.PARQUET` also write
/// it. Errors: unsupported_operation for one that the server cannot read.
Result<std::string> FormatOf(const std::string& content_type);

}  // namespace firth::doors::deltacat
