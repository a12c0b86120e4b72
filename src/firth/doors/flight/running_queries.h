// Queries that run, for those who ask how far they are.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "firth/access/access.h"
#include "firth/common/status.h"
#include "firth/table/database.h"

namespace firth::doors::flight {

/// The queries that a caller gave names, each as long as somebody holds it. A caller sees its own
/// only. Thread-safe.
class RunningQueries {
 public:
  static constexpr size_t kNameBytesMax = 64;

  /// Errors: kInvalidArgument for a name that is empty or too long; kFailedPrecondition while
  /// another query of this caller has it.
  Status Add(const access::Caller& caller, const std::string& name,
             const std::shared_ptr<table::QueryResult>& query);
  /// Error kNotFound where none of this name runs.
  Result<std::shared_ptr<table::QueryResult>> Find(const access::Caller& caller,
                                                   const std::string& name);

 private:
  using Name = std::pair<int64_t, std::string>;  // whose, and which

  std::mutex mutex_;
  std::map<Name, std::weak_ptr<table::QueryResult>> queries_;  // guarded by mutex_
};

}  // namespace firth::doors::flight
