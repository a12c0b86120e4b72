#include "firth/cli/definition_options.h"

#include <CLI/CLI.hpp>

#include "firth/cli/whole_number.h"
#include "firth/doors/flight/type_text.h"

namespace firth::cli {

using nlohmann::json;

Result<json> NamesAndValues(const std::vector<std::string>& texts) {
  json object = json::object();
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Error(Code::kInvalidArgument, Reason::kNone,
                   "`" + text + "` is to be written NAME=VALUE");
    }
    object[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return object;
}

Result<json> SchemaJson(const std::string& text) {
  if (text.starts_with('[')) {
    json parsed = json::parse(text, nullptr, false);
    if (!parsed.is_discarded()) return parsed;
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "--schema begins like JSON but is none; write [{\"name\": …, \"type\": …}, …] or "
                 "name:type,…");
  }
  ARROW_RETURN_NOT_OK(doors::flight::ParseSchemaText(text).status());
  return json(text);
}

void LivingOptions::AddTo(CLI::App* command) {
  command->add_option("--log-lifetime", log_lifetime, "How long rows stay in the log, like 7d")
      ->type_name("DURATION");
  command->add_option("--log-bytes", log_bytes, "How large the log may be")
      ->check(WholeNumber(1))
      ->type_name("BYTES");
  command->add_option("--compression", compression, "Of stored rows")
      ->check(CLI::IsMember({"zstd", "lz4", "none"}));
  command->add_option("--attribute", attributes, "A text that is kept with the table")
      ->type_name("NAME=VALUE")
      ->take_all()
      ->allow_extra_args(false);
}

Status LivingOptions::Write(json* body) const {
  if (!log_lifetime.empty()) (*body)["log_lifetime"]["duration"] = log_lifetime;
  if (log_bytes > 0) (*body)["log_lifetime"]["bytes"] = log_bytes;
  if (!compression.empty()) (*body)["compression"] = compression;
  if (!attributes.empty()) {
    ARROW_ASSIGN_OR_RAISE((*body)["attributes"], NamesAndValues(attributes));
  }
  return Status::OK();
}

void DefinitionOptions::AddTo(CLI::App* command) {
  const auto columns = [command](const char* name, std::vector<std::string>* to, const char* text) {
    command->add_option(name, *to, text)
        ->delimiter(',')
        ->type_name("COLUMN,…")
        ->allow_extra_args(false);
  };
  command
      ->add_option(
          "--schema", schema,
          "Columns: name:type,… (`!` behind a type: no nulls), or JSON. Types: bool, int8 "
          "… int64, float32, float64, text, bytes, date, time, timestamp(ns), decimal(p,s), "
          "list<…>, map<k,v>, struct<a:…>")
      ->type_name("NAME:TYPE,…");
  columns("--key", &key, "The columns that tell rows apart; writes then update");
  columns("--order", &order, "The columns that sort the table, without being unique");
  columns("--partition-by", &partition_by, "A partition for each of these columns' values");
  columns("--series", &series_by, "The columns that tell series of the numbers apart");
  columns("--bucket-by", &bucket_by, "The columns that choose a row's bucket");
  command->add_option("--buckets", buckets, "Logs a partition")->check(WholeNumber(1));
  command->add_option("--time-column,--time", time_column, "The column that holds each row's time")
      ->type_name("COLUMN");
  command->add_option("--merge", merge, "Which row of a key stays")
      ->check(CLI::IsMember({"last", "first", "greatest", "aggregate"}));
  command->add_option("--image", image, "What the log of a table with a key shows of a change")
      ->check(CLI::IsMember({"full", "after", "input"}));
  living.AddTo(command);
}

Status DefinitionOptions::Write(json* body) const {
  if (!schema.empty()) {
    ARROW_ASSIGN_OR_RAISE((*body)["schema"], SchemaJson(schema));
  }
  if (!key.empty()) (*body)["key"] = key;
  if (!order.empty()) (*body)["order"] = order;
  if (!partition_by.empty()) (*body)["partition_by"] = partition_by;
  if (!bucket_by.empty()) (*body)["bucket_by"] = bucket_by;
  if (buckets > 0) (*body)["buckets"] = buckets;
  if (!time_column.empty()) (*body)["time_column"] = time_column;
  if (!series_by.empty()) (*body)["series_by"] = series_by;
  if (!merge.empty()) (*body)["merge"] = merge;
  if (!image.empty()) (*body)["image"] = image;
  return living.Write(body);
}

}  // namespace firth::cli
