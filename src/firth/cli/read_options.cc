#include "firth/cli/read_options.h"

#include <CLI/CLI.hpp>

#include "firth/cli/output.h"
#include "firth/common/text.h"

namespace firth::cli {
namespace {

using nlohmann::json;

Status Invalid(std::string text) {
  return Error(Code::kInvalidArgument, Reason::kNone, std::move(text));
}

/// "price >= 10" as {column, op, value}; `in` takes values with `,` between, `null` and `not_null`
/// none.
Result<json> Condition(const std::string& text) {
  const size_t first = text.find(' ');
  if (first == 0 || first == std::string::npos) {
    return Invalid(
        "--where is written \"COLUMN OP VALUE\", with OP one of = != < <= > >= in null "
        "not_null, not `" +
        text + "`");
  }
  const size_t second = text.find(' ', first + 1);
  json condition = {{"column", text.substr(0, first)},
                    {"op", text.substr(first + 1, second - first - 1)}};
  const std::string value = second == std::string::npos ? "" : text.substr(second + 1);
  if (condition["op"] == "in") {
    condition["value"] = CLI::detail::split(value, ',');
  } else if (second != std::string::npos) {
    condition["value"] = value;
  }
  return condition;
}

}  // namespace

void ReadOptions::AddTo(CLI::App* command) {
  command->add_option("PATH", path, "The table")->required();
  command->add_option("--columns", columns, "Only these columns")
      ->delimiter(',')
      ->type_name("COLUMN,…")
      ->allow_extra_args(false);
  command->add_option("--where", where, "Only rows for which this holds; may be given again")
      ->type_name("\"COLUMN OP VALUE\"")
      ->allow_extra_args(false);
  command->add_option("--partition", partition, "Only this partition")
      ->delimiter(',')
      ->type_name("VALUE,…")
      ->allow_extra_args(false);
  command->add_option("--bucket", bucket, "Only this bucket")->check(CLI::NonNegativeNumber);
  command->add_option("--from", from, "Begin at this offset of the bucket")
      ->type_name("N|earliest|latest");
  command->add_option("--to", to, "End before this offset of the bucket")->type_name("N");
  command->add_option("--as-of", as_of, "As the table stood at this commit")
      ->check(CLI::PositiveNumber)
      ->type_name("COMMIT");
  command->add_option("--limit", limit, "End after so many rows")->check(CLI::NonNegativeNumber);
}

void ReadOptions::AddChangesTo(CLI::App* command) {
  command->add_flag("--changes", changes,
                    "Of a table with a key: all changes, not the current rows");
}

Status ReadOptions::Write(json* ticket) const {
  json made = {{"path", path}};
  if (!columns.empty()) made["columns"] = columns;
  for (const std::string& text : where) {
    ARROW_ASSIGN_OR_RAISE(json condition, Condition(text));
    made["filter"].push_back(std::move(condition));
  }
  if (!partition.empty()) made["partition"] = partition;
  if (bucket >= 0) made["bucket"] = bucket;
  if (from == "earliest" || from == "latest") {
    made["from"] = from;
  } else if (!from.empty()) {
    const auto offset = ParseInt64(from);
    if (!offset.ok()) return Invalid("--from is an offset, earliest or latest, not `" + from + "`");
    made["from"] = *offset;
  }
  if (!to.empty()) {
    const auto offset = ParseInt64(to);
    if (!offset.ok()) return Invalid("--to is an offset, not `" + to + "`");
    made["to"] = *offset;
  }
  if (as_of > 0) made["as_of"] = as_of;
  if (limit >= 0) made["limit"] = limit;
  *ticket = std::move(made);
  return Status::OK();
}

Status PreferCurrent(const ReadOptions& options, doors::flight::Session* session, json* ticket) {
  const bool in_log =
      options.changes || !options.from.empty() || !options.to.empty() || options.as_of > 0;
  if (in_log) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const json description, Act(session, "describe", {{"path", options.path}}));
  if (description.contains("key")) (*ticket)["current"] = true;
  return Status::OK();
}

}  // namespace firth::cli
