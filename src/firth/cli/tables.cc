// firth tables, describe, drop, rename.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <string>

#include "firth/cli/commands.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/text_table.h"

namespace firth::cli {
namespace {

using nlohmann::json;
using Align = TextTable::Align;

struct Names {
  std::string path;
  std::string to;
  bool if_exists = false;
};

Status Tables(const Common& common, const Names& names) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json list,
                        Act(session.get(), "tables", {{"prefix", names.path}, {"stats", true}}));
  if (common.json) return PrintJson(list);
  if (list.empty()) return Print("no tables\n");
  TextTable table({{"TABLE"},
                   {"ROWS", Align::kRight},
                   {"BYTES", Align::kRight},
                   {"COLUMNS", Align::kRight},
                   {"KEY"},
                   {"PARTITIONED BY"},
                   {"BUCKETS", Align::kRight}});
  for (const json& one : list) {
    table.Add({one["path"].get<std::string>(), WithCommas(one["stats"]["rows"].get<int64_t>()),
               BytesText(one["stats"]["bytes"].get<uint64_t>()),
               std::to_string(one.value("columns", 0)), Joined(one.value("key", json::array())),
               Joined(one.value("partition_by", json::array())),
               std::to_string(one.value("buckets", 0))});
  }
  return Print(table.Take(true));
}

std::string ColumnsText(const json& schema) {
  TextTable columns({{"COLUMN"}, {"TYPE"}, {"NULLS"}});
  for (const json& column : schema) {
    columns.Add({column["name"].get<std::string>(), column["type"].get<std::string>(),
                 column["nullable"].get<bool>() ? "yes" : "no"});
  }
  return columns.Take(true);
}

/// How far a view is.
void AddReach(const json& view, TextTable* facts) {
  facts->Add({"they reach commit", std::to_string(view["watermark"].get<int64_t>()) +
                                       ", their base " +
                                       std::to_string(view["base"].get<int64_t>())});
  facts->Add({"still to be applied", BytesText(view["lag_bytes"].get<uint64_t>())});
}

/// The members of a lifetime or of attributes, in words.
std::string MembersText(const json& object) {
  std::string text;
  for (const auto& [name, value] : object.items()) {
    if (!text.empty()) text += ", ";
    if (name == "bytes" && value.is_number()) {
      text += BytesText(value.get<uint64_t>());
    } else {
      text += name + " " + (value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return text;
}

/// What of a description is not its columns, a line each.
std::string FactsText(const json& description) {
  TextTable facts({{""}, {""}});
  const json& stats = description["stats"];
  facts.Add({"table", description["path"].get<std::string>()});
  facts.Add({"rows", WithCommas(stats["rows"].get<int64_t>())});
  facts.Add({"bytes", BytesText(stats["bytes"].get<uint64_t>())});
  for (const auto& [name, value] : description.items()) {
    if (name == "path" || name == "schema" || name == "stats" || name == "key_view" ||
        name == "time_view" || value.empty()) {
      continue;
    }
    std::string text = value.is_string()   ? value.get<std::string>()
                       : value.is_array()  ? Joined(value)
                       : value.is_object() ? MembersText(value)
                                           : value.dump();
    if (value.is_boolean()) text = value.get<bool>() ? "yes" : "no";
    std::string title = name;
    std::replace(title.begin(), title.end(), '_', ' ');
    facts.Add({std::move(title), std::move(text)});
  }
  if (stats["partitions"].get<int64_t>() != 1) {
    facts.Add({"partitions", WithCommas(stats["partitions"].get<int64_t>())});
  }
  facts.Add({"last commit", std::to_string(stats["last_commit"].get<int64_t>())});
  if (description.contains("key_view")) {
    const json& keys = description["key_view"];
    facts.Add({"current rows", (keys["rows_exact"].get<bool>() ? "" : "about ") +
                                   WithCommas(keys["rows"].get<int64_t>())});
    facts.Add({"their bytes", BytesText(keys["bytes"].get<uint64_t>())});
    AddReach(keys, &facts);
  }
  if (description.contains("time_view")) {
    const json& series = description["time_view"];
    facts.Add({"series", WithCommas(series["series"].get<int64_t>())});
    facts.Add({"their points", (series["points_exact"].get<bool>() ? "" : "about ") +
                                   WithCommas(series["points"].get<int64_t>())});
    if (const auto bytes = series["bytes"].get<uint64_t>(); bytes > 0) {
      facts.Add({"their bytes", "about " + BytesText(bytes)});
    }
    AddReach(series, &facts);
  }
  return facts.Take(false);
}

Status Describe(const Common& common, const Names& names) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json description,
                        Act(session.get(), "describe", {{"path", names.path}}));
  if (common.json) return PrintJson(description);
  return Print(FactsText(description) + '\n' +
               ColumnsText(description.value("schema", json::array())));
}

Status Drop(const Common& common, const Names& names) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(
      const json answer,
      Act(session.get(), "drop", {{"path", names.path}, {"if_exists", names.if_exists}}));
  return PrintEither(
      common, answer,
      (answer["dropped"].get<bool>() ? "dropped " : "there was no ") + names.path + '\n');
}

Status Rename(const Common& common, const Names& names) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer,
                        Act(session.get(), "rename", {{"path", names.path}, {"to", names.to}}));
  return PrintEither(common, answer, names.path + " is now " + names.to + '\n');
}

}  // namespace

void AddTables(CommandLine* line) {
  const auto names = std::make_shared<Names>();
  const auto add = [&](const char* name, const char* text,
                       Status (*run)(const Common&, const Names&)) {
    CLI::App* command = line->app->add_subcommand(name, text);
    command->callback([line, names, run] {
      line->run = [line, names, run] { return run(line->common, *names); };
    });
    return command;
  };
  add("tables", "List tables, with their sizes", Tables)
      ->add_option("PREFIX", names->path, "Only tables at or below this path");
  add("describe", "Show all about a table", Describe)
      ->add_option("PATH", names->path, "The table")
      ->required();
  CLI::App* drop = add("drop", "Remove a table and its rows", Drop);
  drop->add_option("PATH", names->path, "The table")->required();
  drop->add_flag("--if-exists", names->if_exists, "A table that is absent is no error");
  CLI::App* rename = add("rename", "Move a table to another path", Rename);
  rename->add_option("PATH", names->path, "The table")->required();
  rename->add_option("TO", names->to, "Its new path")->required();
}

}  // namespace firth::cli
