#include "firth/cli/read_options.h"

#include <CLI/CLI.hpp>

#include <algorithm>

#include "firth/cli/output.h"
#include "firth/cli/whole_number.h"
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

/// Read a value in quotes, within which a quote is written twice. Where it ends, or npos if what
/// begins at `begin` is not such a value.
size_t ReadQuoted(const std::string& text, size_t begin, std::string* value) {
  if (begin >= text.size() || text[begin] != '"') return std::string::npos;
  for (size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      const char next = i + 1 < text.size() ? text[i + 1] : ',';
      if (next == ',') return i + 1;
      if (next != '"') return std::string::npos;
      ++i;
    }
    value->push_back(text[i]);
  }
  return std::string::npos;
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
  command->add_option("--bucket", bucket, "Only this bucket")->check(WholeNumber(0));
  command->add_option("--from", from, "Begin at this offset of the bucket")
      ->type_name("N|earliest|latest");
  command->add_option("--to", to, "End before this offset of the bucket")->type_name("N");
  command->add_option("--as-of", as_of, "As the table stood at this commit")
      ->check(WholeNumber(1))
      ->type_name("COMMIT");
  command->add_option("--limit", limit, "End after so many rows")->check(WholeNumber(0));
}

void ReadOptions::AddChangesTo(CLI::App* command) {
  command->add_flag("--changes", changes,
                    "Of a table with a key: all changes, not the current rows");
  command->get_option("--from")
      ->description("Begin at this key; of changes, or without a key, at this offset of the bucket")
      ->type_name("KEY|N|earliest|latest");
  command->get_option("--to")->description("End before this key or offset")->type_name("KEY|N");
  command->add_option("--prefix", prefix, "Only rows whose key begins with these values")
      ->type_name("VALUE,…");
  command->add_flag("--backwards", backwards, "From the last key of each bucket to the first");
}

Status ReadOptions::WriteAll(json* ticket) const {
  json made = {{"path", path}};
  if (!columns.empty()) made["columns"] = columns;
  for (const std::string& text : where) {
    ARROW_ASSIGN_OR_RAISE(json condition, Condition(text));
    made["filter"].push_back(std::move(condition));
  }
  if (!partition.empty()) made["partition"] = partition;
  if (bucket >= 0) made["bucket"] = bucket;
  if (as_of > 0) made["as_of"] = as_of;
  if (limit >= 0) made["limit"] = limit;
  *ticket = std::move(made);
  return Status::OK();
}

Status ReadOptions::WriteOffsets(json* ticket) const {
  if (from == "earliest" || from == "latest") {
    (*ticket)["from"] = from;
  } else if (!from.empty()) {
    const auto offset = ParseInt64(from);
    if (!offset.ok()) return Invalid("--from is an offset, earliest or latest, not `" + from + "`");
    (*ticket)["from"] = *offset;
  }
  if (!to.empty()) {
    const auto offset = ParseInt64(to);
    if (!offset.ok()) return Invalid("--to is an offset, not `" + to + "`");
    (*ticket)["to"] = *offset;
  }
  return Status::OK();
}

Status ReadOptions::Write(json* ticket) const {
  ARROW_RETURN_NOT_OK(WriteAll(ticket));
  return WriteOffsets(ticket);
}

std::vector<std::string> KeyValues(const std::string& text) {
  std::vector<std::string> values;
  size_t begin = 0;
  while (true) {
    std::string value;
    size_t end = ReadQuoted(text, begin, &value);
    if (end == std::string::npos) {
      end = std::min(text.find(',', begin), text.size());
      value = text.substr(begin, end - begin);
    }
    values.push_back(std::move(value));
    if (end == text.size()) return values;
    begin = end + 1;
  }
}

Status PreferCurrent(const ReadOptions& options, doors::flight::Session* session, json* ticket) {
  ARROW_RETURN_NOT_OK(options.WriteAll(ticket));
  const bool ordered = !options.prefix.empty() || options.backwards;
  if (!options.changes && options.as_of == 0) {
    ARROW_ASSIGN_OR_RAISE(const json description,
                          Act(session, "describe", {{"path", options.path}}));
    if (description.contains("key")) {
      (*ticket)["current"] = true;
      if (!options.prefix.empty()) (*ticket)["prefix"] = KeyValues(options.prefix);
      if (!options.from.empty()) (*ticket)["key_from"] = KeyValues(options.from);
      if (!options.to.empty()) (*ticket)["key_to"] = KeyValues(options.to);
      if (options.backwards) (*ticket)["backwards"] = true;
      return Status::OK();
    }
  }
  if (ordered) {
    return Invalid("--prefix and --backwards are for the current rows of a table with a key");
  }
  return options.WriteOffsets(ticket);
}

}  // namespace firth::cli
