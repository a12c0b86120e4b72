#include "firth/doors/flight/sql_cursor.h"

#include <utility>

#include "firth/doors/flight/fields.h"

namespace firth::doors::flight {
namespace {

class SqlCursor : public Cursor {
 public:
  explicit SqlCursor(std::unique_ptr<table::QueryResult> result) : result_(std::move(result)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return result_->schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override { return result_->Next(); }

 private:
  const std::unique_ptr<table::QueryResult> result_;
};

}  // namespace

Result<std::optional<std::string>> SqlOf(std::string_view ticket) {
  ARROW_ASSIGN_OR_RAISE(const nlohmann::json json, ParseJson(ticket, "the ticket"));
  Fields fields(json, "the ticket");
  if (!fields.Has("sql")) return std::nullopt;
  std::string sql = fields.NeedText("sql");
  ARROW_RETURN_NOT_OK(fields.Check());
  return sql;
}

Result<std::unique_ptr<Cursor>> OpenSql(const Request& request, const std::string& sql) {
  ARROW_ASSIGN_OR_RAISE(auto result, request.database->Query(request.caller, sql, {}));
  return std::make_unique<SqlCursor>(std::move(result));
}

}  // namespace firth::doors::flight
