// What the flight door and SQL read from outside: tickets, conditions, types and schemas as people
// write them, and the parse trees of statements; the first byte chooses which. What is taken must
// come back the same.
// With: common/* schema/* doors/flight/ticket doors/flight/filter doors/flight/fields
// With: doors/flight/type_text query/statement query/statement_limits query/sql_text
#include <arrow/api.h>
#include <arrow/compute/initialize.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

#include "firth/doors/flight/filter.h"
#include "firth/doors/flight/ticket.h"
#include "firth/doors/flight/type_text.h"
#include "firth/query/statement.h"
#include "firth/query/statement_limits.h"

using namespace firth;  // NOLINT: a program of one function

namespace {

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

/// A condition is applied to rows of every kind of column that it may be bound to.
void TryFilter(const nlohmann::json& list) {
  auto filter = doors::flight::Filter::FromJson(list);
  if (!filter.ok()) return;
  const auto schema = arrow::schema(
      {arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8()),
       arrow::field("c", arrow::timestamp(arrow::TimeUnit::MICRO)),
       arrow::field("d", arrow::decimal128(9, 2)), arrow::field("e", arrow::boolean())});
  if (!filter->Bind(*schema).ok()) return;
  const auto rows = arrow::RecordBatch::MakeEmpty(schema);
  if (rows.ok()) Require(filter->Apply(*rows).ok());
}

void TryTree(const std::string& tree) {
  const auto tables = query::TablesOf(tree);
  if (!tables.ok()) return;
  static_cast<void>(query::CheckLimits(tree, [](const query::TableName&) { return 3; }));
  std::map<query::TableName, std::pair<std::string, std::string>> names;
  for (const auto& table : *tables) names[table] = {"past", "x"};
  static_cast<void>(query::WithTables(tree, names));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool ready = arrow::compute::Initialize().ok();
  if (!ready || size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0: {
      const auto ticket = doors::flight::ParseTicket(text);
      if (!ticket.ok()) break;
      const auto again = doors::flight::ParseTicket(doors::flight::TicketOf(ticket->path));
      Require(again.ok() && again->path == ticket->path);
      break;
    }
    case 1: {
      const auto list = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
      if (!list.is_discarded()) TryFilter(list);
      break;
    }
    case 2: {
      const auto type = doors::flight::ParseType(text);
      if (!type.ok()) break;
      const auto again = doors::flight::ParseType(doors::flight::TypeToText(**type));
      Require(again.ok() && (*again)->Equals(**type));
      break;
    }
    case 3: {
      const auto schema = doors::flight::ParseSchemaText(text);
      if (!schema.ok()) break;
      const auto again = doors::flight::ParseSchemaText(doors::flight::SchemaToText(**schema));
      Require(again.ok() && (*again)->Equals(**schema));
      break;
    }
    default:
      TryTree(text);
  }
  return 0;
}
