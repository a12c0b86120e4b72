// firth put, delete: rows and keys from the command line.
#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "firth/cli/commands.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/read_options.h"
#include "firth/doors/flight/edition_json.h"
#include "firth/doors/flight/type_text.h"

namespace firth::cli {
namespace {

using nlohmann::json;

Status Invalid(std::string text) {
  return Error(Code::kInvalidArgument, Reason::kNone, std::move(text));
}

/// Values of one row, by column.
using Values = std::vector<std::pair<std::string, std::shared_ptr<arrow::Scalar>>>;

/// How a value of a type is written, where that is not plain from the type's name.
std::string Example(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::TIMESTAMP:
      return static_cast<const arrow::TimestampType&>(type).timezone().empty()
                 ? "2024-02-29T13:14:15, without a zone"
                 : "2024-02-29T13:14:15Z";
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
      return "2024-02-29";
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return "13:14:15";
    case arrow::Type::BOOL:
      return "true";
    default:
      return "";
  }
}

Result<std::shared_ptr<arrow::Scalar>> Parse(const arrow::Field& field, const std::string& text) {
  const auto cast =
      arrow::compute::Cast(arrow::Datum(std::make_shared<arrow::StringScalar>(text)), field.type());
  if (cast.ok()) return cast->scalar();
  const std::string example = Example(*field.type());
  return Invalid("`" + text + "` is no value of the column " + field.name() + ", which is " +
                 doors::flight::TypeToText(*field.type()) +
                 (example.empty() ? "" : "; write it like " + example));
}

Result<std::shared_ptr<arrow::Field>> Column(const arrow::Schema& schema, const std::string& name,
                                             const std::string& path) {
  auto field = schema.GetFieldByName(name);
  if (field != nullptr) return field;
  return Error(Code::kNotFound, Reason::kColumnNotFound,
               "the table " + path + " has no column " + name);
}

/// Write rows that all have the same columns, in one commit.
Status Write(const Common& common, Session* session, const json& target,
             const std::vector<Values>& rows, const std::string& done) {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (size_t c = 0; c < rows.front().size(); ++c) {
    const auto& type = rows.front()[c].second->type;
    fields.push_back(arrow::field(rows.front()[c].first, type));
    arrow::ArrayVector values;
    for (const Values& row : rows) {
      ARROW_ASSIGN_OR_RAISE(values.emplace_back(), arrow::MakeArrayFromScalar(*row[c].second, 1));
    }
    ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), arrow::Concatenate(values));
  }
  const auto schema = arrow::schema(std::move(fields));
  ARROW_ASSIGN_OR_RAISE(const auto writer, session->Put(target.dump(), schema));
  const auto count = static_cast<int64_t>(rows.size());
  ARROW_RETURN_NOT_OK(writer->Write(arrow::RecordBatch::Make(schema, count, std::move(columns))));
  ARROW_ASSIGN_OR_RAISE(const std::string answer, writer->Close());
  return PrintEither(common, json::parse(answer, nullptr, false), done);
}

struct PutOptions {
  std::string path;
  std::vector<std::string> values;
  std::vector<std::string> nulls;
};

Status Put(const Common& common, const PutOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json description,
                        Act(session.get(), "describe", {{"path", options.path}}));
  ARROW_ASSIGN_OR_RAISE(const auto schema,
                        doors::flight::SchemaFromJson(description.value("schema", json::array())));
  Values row;
  for (const std::string& text : options.values) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Invalid("a value is written COLUMN=VALUE, not `" + text + "`");
    }
    ARROW_ASSIGN_OR_RAISE(const auto field, Column(*schema, text.substr(0, equals), options.path));
    ARROW_ASSIGN_OR_RAISE(auto value, Parse(*field, text.substr(equals + 1)));
    row.emplace_back(field->name(), std::move(value));
  }
  for (const std::string& name : options.nulls) {
    ARROW_ASSIGN_OR_RAISE(const auto field, Column(*schema, name, options.path));
    row.emplace_back(name, arrow::MakeNullScalar(field->type()));
  }
  for (size_t i = 1; i < row.size(); ++i) {
    const auto same = [&](const auto& value) { return value.first == row[i].first; };
    if (std::any_of(row.begin(), row.begin() + static_cast<ptrdiff_t>(i), same)) {
      return Invalid("the column " + row[i].first + " is given twice");
    }
  }
  return Write(common, session.get(), {{"path", options.path}}, {row},
               "put 1 row into " + options.path + '\n');
}

struct DeleteOptions {
  std::string path;
  std::vector<std::string> keys;
};

Status Delete(const Common& common, const DeleteOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json description,
                        Act(session.get(), "describe", {{"path", options.path}}));
  ARROW_ASSIGN_OR_RAISE(const auto schema,
                        doors::flight::SchemaFromJson(description.value("schema", json::array())));
  const json key = description.value("key", json::array());
  std::vector<Values> rows;
  for (const std::string& text : options.keys) {
    const auto values = KeyValues(text);
    if (values.size() != key.size()) {
      return Invalid("the key of " + options.path + " has " + Counted(std::ssize(key), "column") +
                     ", and `" + text + "` " + std::to_string(values.size()));
    }
    Values& row = rows.emplace_back();
    for (size_t i = 0; i < values.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(const auto field,
                            Column(*schema, key[i].get<std::string>(), options.path));
      ARROW_ASSIGN_OR_RAISE(auto value, Parse(*field, values[i]));
      row.emplace_back(field->name(), std::move(value));
    }
  }
  return Write(common, session.get(), {{"path", options.path}, {"delete", true}}, rows,
               "deleted " + Counted(std::ssize(rows), "key") + " from " + options.path + '\n');
}

}  // namespace

void AddChange(CommandLine* line) {
  const auto put = std::make_shared<PutOptions>();
  CLI::App* command = line->app->add_subcommand(
      "put", "Write one row: upsert it where the table has a key, else append it");
  command->add_option("PATH", put->path, "The table")->required();
  command
      ->add_option("VALUES", put->values,
                   "Its values; columns that are not given keep what they hold")
      ->required()
      ->type_name("COLUMN=VALUE");
  command->add_option("--null", put->nulls, "Set these columns to null")
      ->delimiter(',')
      ->type_name("COLUMN,…")
      ->allow_extra_args(false);
  command->callback([line, put] { line->run = [line, put] { return Put(line->common, *put); }; });

  const auto remove = std::make_shared<DeleteOptions>();
  command = line->app->add_subcommand("delete", "Delete the rows of some keys");
  command->add_option("PATH", remove->path, "The table")->required();
  command
      ->add_option("KEY", remove->keys, "The keys; values of several key columns with `,` between")
      ->required();
  command->callback(
      [line, remove] { line->run = [line, remove] { return Delete(line->common, *remove); }; });
}

}  // namespace firth::cli
