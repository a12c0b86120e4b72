// What Flight SQL tells of the server and its tables, as rows in the layouts of the protocol. A
// table `eu/shop/orders` has the schema `eu/shop` and the name `orders`; there is one catalog.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"

namespace firth::doors::flight {

/// Patterns as in LIKE, absent: everything.
struct NameFilter {
  std::optional<std::string> catalog;
  std::optional<std::string> schema;
  std::optional<std::string> table;
  std::vector<std::string> types;  // none: all
};

/// Does `text` match a pattern, in which % is any text and _ any character?
bool IsLike(std::string_view text, std::string_view pattern);

Result<std::shared_ptr<arrow::RecordBatch>> Catalogs();
Result<std::shared_ptr<arrow::RecordBatch>> TableTypes();
/// Those that hold tables which the caller may see.
Result<std::shared_ptr<arrow::RecordBatch>> Namespaces(const Request& request,
                                                       const NameFilter& filter);
/// Tables that the caller may see.
Result<std::shared_ptr<arrow::RecordBatch>> Tables(const Request& request, const NameFilter& filter,
                                                   bool with_schema);
/// Facts by their numbers; none: all that there are.
Result<std::shared_ptr<arrow::RecordBatch>> ServerFacts(const std::vector<uint32_t>& numbers);

}  // namespace firth::doors::flight
