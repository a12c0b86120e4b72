#include "firth/doors/flight/running_queries.h"

namespace firth::doors::flight {

Status RunningQueries::Add(const access::Caller& caller, const std::string& name,
                           const std::shared_ptr<table::QueryResult>& query) {
  if (name.empty() || name.size() > kNameBytesMax) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "the name of a query has 1 to " + std::to_string(kNameBytesMax) + " bytes");
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(queries_, [](const auto& one) { return one.second.expired(); });
  if (queries_.try_emplace({caller.principal.value, name}, query).second) return Status::OK();
  return Error(Code::kFailedPrecondition, Reason::kNone,
               "another query of yours runs under the name '" + name + "'");
}

Result<std::shared_ptr<table::QueryResult>> RunningQueries::Find(const access::Caller& caller,
                                                                 const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = queries_.find({caller.principal.value, name});
  auto query = found == queries_.end() ? nullptr : found->second.lock();
  if (query == nullptr) {
    return Error(Code::kNotFound, Reason::kNone, "no query of yours runs under this name");
  }
  return query;
}

}  // namespace firth::doors::flight
