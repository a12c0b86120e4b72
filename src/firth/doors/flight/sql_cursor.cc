#include "firth/doors/flight/sql_cursor.h"

#include <arrow/builder.h>

#include <utility>
#include <vector>

#include "firth/doors/flight/fields.h"
#include "firth/doors/flight/held_rows.h"
#include "firth/doors/flight/running_queries.h"

namespace firth::doors::flight {
namespace {

class SqlCursor : public Cursor {
 public:
  explicit SqlCursor(std::shared_ptr<table::QueryResult> result)
      : result_(std::move(result)), schema_(result_->schema()) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override { return result_->Next(); }
  void Cancel() override { result_->Cancel(); }

 private:
  const std::shared_ptr<table::QueryResult> result_;
  const std::shared_ptr<arrow::Schema> schema_;
};

std::string Joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

}  // namespace

Result<std::optional<SqlTicket>> SqlOf(std::string_view ticket) {
  ARROW_ASSIGN_OR_RAISE(const nlohmann::json json, ParseJson(ticket, "the ticket"));
  Fields fields(json, "the ticket");
  if (!fields.Has("sql")) return std::nullopt;
  SqlTicket sql{.sql = fields.NeedText("sql"),
                .plan = fields.Flag("plan", false),
                .name = fields.Text("name")};
  ARROW_RETURN_NOT_OK(fields.Check());
  return sql;
}

Result<std::unique_ptr<Cursor>> OpenSql(const Request& request, const std::string& sql,
                                        const std::string& name) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<table::QueryResult> result,
                        request.database->Query(request.caller, sql, {}));
  if (!name.empty()) ARROW_RETURN_NOT_OK(request.queries->Add(request.caller, name, result));
  return std::make_unique<SqlCursor>(std::move(result));
}

Result<std::unique_ptr<Cursor>> OpenPlan(const Request& request, const std::string& sql) {
  ARROW_ASSIGN_OR_RAISE(const auto prepared,
                        request.database->PrepareQuery(request.caller, {.sql = sql}));
  ARROW_ASSIGN_OR_RAISE(const auto uses, prepared->Tables());
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, prepared->ScanBytes());
  ARROW_ASSIGN_OR_RAISE(std::string text, prepared->Plan());
  for (const auto& use : uses) {
    text += "reads " + Joined(use.table.name, "/") + ": " +
            (use.columns.empty() ? "no column" : Joined(use.columns, ", ")) + '\n';
  }
  text += "reads " + std::to_string(bytes) + " bytes\n";
  arrow::StringBuilder lines;
  size_t begin = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    ARROW_RETURN_NOT_OK(lines.Append(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  ARROW_ASSIGN_OR_RAISE(const auto column, lines.Finish());
  return std::make_unique<HeldRows>(arrow::RecordBatch::Make(
      arrow::schema({arrow::field("plan", arrow::utf8(), false)}), column->length(), {column}));
}

}  // namespace firth::doors::flight
