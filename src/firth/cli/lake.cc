// firth lake: the Parquet files that are cut from tables' logs.
#include <CLI/CLI.hpp>

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

std::string FilesText(const json& answer) {
  if (answer["id"].get<int64_t>() == 0) return "nothing was cut yet; `firth lake cut` does it\n";
  std::string text = "snapshot " + std::to_string(answer["id"].get<int64_t>()) + " at commit " +
                     std::to_string(answer["commit"].get<int64_t>()) + ": " +
                     WithCommas(answer["rows"].get<int64_t>()) + " rows, " +
                     BytesText(answer["bytes"].get<uint64_t>()) + " in " +
                     std::to_string(answer["files"].size()) + " files\n";
  for (const json& file : answer["files"]) text += file.get<std::string>() + '\n';
  for (const char* reading : {"history", "current"}) {
    const auto path = answer[reading].get<std::string>();
    if (!path.empty()) text += std::string("Iceberg, ") + reading + ": " + path + '\n';
  }
  return text;
}

Status Files(const Common& common, const std::string& action, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), action, {{"path", path}}));
  return PrintEither(common, answer, FilesText(answer));
}

Status Snapshots(const Common& common, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), "lake.snapshots", {{"path", path}}));
  if (common.json) return PrintJson(answer);
  if (answer.empty()) return Print("no snapshots\n");
  TextTable table(
      {{"SNAPSHOT", Align::kRight}, {"COMMIT", Align::kRight}, {"TIME"}, {"ROWS", Align::kRight}});
  for (const json& one : answer) {
    table.Add({std::to_string(one["id"].get<int64_t>()),
               std::to_string(one["commit"].get<int64_t>()), one["time"].get<std::string>(),
               WithCommas(one["rows"].get<int64_t>())});
  }
  return Print(table.Take(true));
}

}  // namespace

void AddLake(CommandLine* line) {
  CLI::App* lake = line->app->add_subcommand("lake", "Parquet files of a table, for lake engines");
  lake->require_subcommand(1);
  const auto path = std::make_shared<std::string>();
  const auto add = [&](const char* name, const char* text, auto run) {
    CLI::App* command = lake->add_subcommand(name, text);
    command->add_option("PATH", *path, "The table")->required();
    command->callback(
        [line, path, run] { line->run = [line, path, run] { return run(line->common, *path); }; });
  };
  add("cut", "Bring the files up to the last commit",
      [](const Common& common, const std::string& table) {
        return Files(common, "lake.cut", table);
      });
  add("files", "List the files", [](const Common& common, const std::string& table) {
    return Files(common, "lake.files", table);
  });
  add("snapshots", "List the snapshots", Snapshots);
}

}  // namespace firth::cli
