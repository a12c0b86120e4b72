#include "firth/doors/flight/flight_sql.h"

#include <google/protobuf/any.pb.h>

#include <optional>
#include <utility>

#include "firth/doors/flight/flight_info.h"
#include "firth/doors/flight/held_rows.h"
#include "firth/doors/flight/sql_cursor.h"
#include "firth/doors/flight/sql_metadata.h"
#include "flight_sql.pb.h"

namespace firth::doors::flight {
namespace {

namespace protocol = arrow::flight::protocol;
namespace sql = arrow::flight::protocol::sql;
using google::protobuf::Any;

constexpr char kCreate[] = "CreatePreparedStatement";
constexpr char kClose[] = "ClosePreparedStatement";

Status Malformed() {
  return Error(Code::kInvalidArgument, Reason::kNone, "this is no message of Flight SQL");
}

Result<Any> ParseAny(std::string_view bytes) {
  Any any;
  if (!any.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Malformed();
  return any;
}

template <typename Message>
Result<Message> Unpack(const Any& any) {
  Message message;
  if (!any.UnpackTo(&message)) return Malformed();
  return message;
}

Status Unknown(const Any& any) {
  const std::string& url = any.type_url();
  return Error(Code::kUnimplemented, Reason::kNone,
               "of Flight SQL only queries and the lists of tables are answered, not " +
                   url.substr(url.find_last_of("./") + 1, 64));
}

Status CheckTransaction(const std::string& id) {
  if (id.empty()) return Status::OK();
  return Error(Code::kUnimplemented, Reason::kNone, "statements have no transactions");
}

/// The statement of a command or ticket, if it has one.
Result<std::optional<std::string>> StatementOf(const Any& any) {
  if (any.Is<sql::CommandStatementQuery>()) {
    ARROW_ASSIGN_OR_RAISE(const auto command, Unpack<sql::CommandStatementQuery>(any));
    ARROW_RETURN_NOT_OK(CheckTransaction(command.transaction_id()));
    return command.query();
  }
  if (any.Is<sql::CommandPreparedStatementQuery>()) {
    ARROW_ASSIGN_OR_RAISE(const auto command, Unpack<sql::CommandPreparedStatementQuery>(any));
    return command.prepared_statement_handle();
  }
  if (any.Is<sql::TicketStatementQuery>()) {
    ARROW_ASSIGN_OR_RAISE(const auto ticket, Unpack<sql::TicketStatementQuery>(any));
    return ticket.statement_handle();
  }
  return std::nullopt;
}

Result<std::shared_ptr<arrow::Schema>> SchemaOf(const Request& request,
                                                const std::string& statement) {
  ARROW_ASSIGN_OR_RAISE(const auto prepared,
                        request.database->PrepareQuery(request.caller, {.sql = statement}));
  return prepared->schema();
}

/// What is known of the server and its tables, as rows.
Result<std::shared_ptr<arrow::RecordBatch>> MetadataOf(const Request& request, const Any& any) {
  if (any.Is<sql::CommandGetSqlInfo>()) {
    ARROW_ASSIGN_OR_RAISE(const auto command, Unpack<sql::CommandGetSqlInfo>(any));
    return ServerFacts({command.info().begin(), command.info().end()});
  }
  if (any.Is<sql::CommandGetCatalogs>()) return Catalogs();
  if (any.Is<sql::CommandGetTableTypes>()) return TableTypes();
  if (any.Is<sql::CommandGetDbSchemas>()) {
    ARROW_ASSIGN_OR_RAISE(const auto command, Unpack<sql::CommandGetDbSchemas>(any));
    NameFilter filter;
    if (command.has_catalog()) filter.catalog = command.catalog();
    if (command.has_db_schema_filter_pattern()) filter.schema = command.db_schema_filter_pattern();
    return Namespaces(request, filter);
  }
  if (any.Is<sql::CommandGetTables>()) {
    ARROW_ASSIGN_OR_RAISE(const auto command, Unpack<sql::CommandGetTables>(any));
    NameFilter filter;
    if (command.has_catalog()) filter.catalog = command.catalog();
    if (command.has_db_schema_filter_pattern()) filter.schema = command.db_schema_filter_pattern();
    if (command.has_table_name_filter_pattern()) filter.table = command.table_name_filter_pattern();
    filter.types = {command.table_types().begin(), command.table_types().end()};
    return Tables(request, filter, command.include_schema());
  }
  return Unknown(any);
}

template <typename Message>
std::string Packed(const Message& message) {
  Any any;
  any.PackFrom(message);
  return any.SerializeAsString();
}

}  // namespace

bool IsFlightSql(std::string_view bytes) {
  constexpr char kTypeUrl = '\x0a';  // the first field of every Any; JSON begins with `{`
  return bytes.starts_with(kTypeUrl);
}

Result<protocol::FlightInfo> FlightSqlInfo(const Request& request,
                                           const protocol::FlightDescriptor& descriptor) {
  ARROW_ASSIGN_OR_RAISE(const Any any, ParseAny(descriptor.cmd()));
  ARROW_ASSIGN_OR_RAISE(const auto statement, StatementOf(any));
  std::shared_ptr<arrow::Schema> schema;
  std::string ticket = descriptor.cmd();
  if (statement.has_value()) {
    ARROW_ASSIGN_OR_RAISE(schema, SchemaOf(request, *statement));
    sql::TicketStatementQuery query;
    query.set_statement_handle(*statement);
    ticket = Packed(query);
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto rows, MetadataOf(request, any));
    schema = rows->schema();
  }
  ARROW_ASSIGN_OR_RAISE(auto info, MakeInfo(*schema, std::move(ticket)));
  *info.mutable_flight_descriptor() = descriptor;
  return info;
}

Result<std::unique_ptr<Cursor>> OpenFlightSql(const Request& request, std::string_view ticket) {
  ARROW_ASSIGN_OR_RAISE(const Any any, ParseAny(ticket));
  ARROW_ASSIGN_OR_RAISE(const auto statement, StatementOf(any));
  if (statement.has_value()) return OpenSql(request, *statement);
  ARROW_ASSIGN_OR_RAISE(auto rows, MetadataOf(request, any));
  return std::make_unique<HeldRows>(std::move(rows));
}

bool IsFlightSqlAction(std::string_view name) {
  return name == kCreate || name == kClose;
}

Result<std::string> RunFlightSqlAction(const Request& request, std::string_view name,
                                       std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const Any any, ParseAny(body));
  if (name == kClose) {
    ARROW_RETURN_NOT_OK(Unpack<sql::ActionClosePreparedStatementRequest>(any).status());
    return "";
  }
  ARROW_ASSIGN_OR_RAISE(const auto asked, Unpack<sql::ActionCreatePreparedStatementRequest>(any));
  ARROW_RETURN_NOT_OK(CheckTransaction(asked.transaction_id()));
  ARROW_ASSIGN_OR_RAISE(const auto schema, SchemaOf(request, asked.query()));
  sql::ActionCreatePreparedStatementResult answer;
  answer.set_prepared_statement_handle(asked.query());
  ARROW_ASSIGN_OR_RAISE(*answer.mutable_dataset_schema(), SerializedSchema(*schema));
  return Packed(answer);
}

}  // namespace firth::doors::flight
