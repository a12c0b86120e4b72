#include "firth/doors/flight/flight_info.h"

#include <arrow/ipc/writer.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "firth/doors/flight/flight_sql.h"
#include "firth/doors/flight/ticket.h"

namespace firth::doors::flight {

namespace protocol = arrow::flight::protocol;

Result<protocol::FlightInfo> MakeInfo(const arrow::Schema& schema, std::string ticket) {
  protocol::FlightInfo info;
  ARROW_ASSIGN_OR_RAISE(*info.mutable_schema(), SerializedSchema(schema));
  info.add_endpoint()->mutable_ticket()->set_ticket(std::move(ticket));
  info.set_total_records(-1);
  info.set_total_bytes(-1);
  return info;
}

std::shared_ptr<arrow::Schema> BareSchema(const table::TableInfo& table) {
  if (!table.current) return arrow::schema({});
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const auto& field : table.current->newest().schema->fields()) {
    fields.push_back(field->RemoveMetadata());
  }
  return arrow::schema(std::move(fields));
}

Result<std::string> SerializedSchema(const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto buffer, arrow::ipc::SerializeSchema(schema));
  return buffer->ToString();
}

Result<Path> PathOf(const protocol::FlightDescriptor& descriptor) {
  Path path;
  for (const std::string& segment : descriptor.path()) path.segments.push_back(segment);
  const auto& segments = path.segments;
  if (descriptor.type() == protocol::FlightDescriptor::PATH && !segments.empty() &&
      std::find(segments.begin(), segments.end(), "") == segments.end()) {
    return path;
  }
  return Error(Code::kInvalidArgument, Reason::kInvalidName,
               "a descriptor is a table's path, without empty segments, or a command like "
               "{\"path\": \"a/b\"}");
}

Result<protocol::FlightInfo> InfoOf(const Request& request, const table::TableInfo& table) {
  ARROW_ASSIGN_OR_RAISE(auto info, MakeInfo(*BareSchema(table), TicketOf(table.path)));
  auto* descriptor = info.mutable_flight_descriptor();
  descriptor->set_type(protocol::FlightDescriptor::PATH);
  for (const std::string& segment : table.path.segments) descriptor->add_path(segment);
  if (const auto stats = request.database->GetStats(request.caller, table); stats.ok()) {
    info.set_total_records(stats->rows);
    info.set_total_bytes(static_cast<int64_t>(stats->bytes));
  }
  return info;
}

Result<protocol::FlightInfo> InfoOf(const Request& request,
                                    const protocol::FlightDescriptor& descriptor) {
  if (descriptor.type() == protocol::FlightDescriptor::CMD && IsFlightSql(descriptor.cmd())) {
    return FlightSqlInfo(request, descriptor);
  }
  if (descriptor.type() == protocol::FlightDescriptor::CMD) {
    ARROW_ASSIGN_OR_RAISE(const auto cursor, OpenTicket(request, descriptor.cmd()));
    ARROW_ASSIGN_OR_RAISE(auto info, MakeInfo(*cursor->schema(), descriptor.cmd()));
    *info.mutable_flight_descriptor() = descriptor;
    return info;
  }
  ARROW_ASSIGN_OR_RAISE(const Path path, PathOf(descriptor));
  ARROW_ASSIGN_OR_RAISE(const auto table, request.database->GetTable(request.caller, path));
  return InfoOf(request, *table);
}

}  // namespace firth::doors::flight
