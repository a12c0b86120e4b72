// The call by which tables are made, and small ones beside it.
#pragma once

#include "firth/doors/aws/call.h"
#include "firth/doors/aws/instances.h"
#include "firth/table/database.h"
#include "firth/work/objects.h"

namespace firth::doors::aws {

/// Is this path one of this call's? `/sleeper/tables[/T]` for the first instance, with `/ID` in
/// front for any.
bool IsTablesPath(std::string_view path);

/// Answers the REST calls on tables. Thread-safe; blocks.
class TableRest {
 public:
  TableRest(table::Database* database, work::Objects* objects, const Instances* instances)
      : database_(database), objects_(objects), instances_(instances) {}

  net::HttpResponse Answer(const Call& call) const;

 private:
  Result<net::HttpResponse> Create(const Call& call, const std::string& instance) const;
  Result<net::HttpResponse> List(const Call& call, const std::string& instance) const;
  Result<net::HttpResponse> Describe(const Call& call, const std::string& instance,
                                     const std::string& name) const;
  Result<net::HttpResponse> Drop(const Call& call, const std::string& instance,
                                 const std::string& name) const;

  table::Database* const database_;
  work::Objects* const objects_;
  const Instances* const instances_;
};

}  // namespace firth::doors::aws
