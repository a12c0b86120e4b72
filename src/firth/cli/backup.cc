// firth backup, restore, check: copies of a whole store, and looking at every byte of one.
#include <CLI/CLI.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "firth/cli/commands.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/table/backup.h"

namespace firth::cli {
namespace {

using nlohmann::json;

/// The folder as another process, in another folder, finds it.
Result<std::string> Absolute(const std::string& folder) {
  std::error_code failed;
  const auto absolute = std::filesystem::absolute(folder, failed);
  if (!failed) return absolute.lexically_normal().string();
  return Error(Code::kInvalidArgument, Reason::kInvalidName,
               "'" + folder + "' names no folder: " + failed.message());
}

Status BackUp(const Common& common, const std::string& folder) {
  ARROW_ASSIGN_OR_RAISE(const std::string target, Absolute(folder));
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), "backup", {{"folder", target}}));
  return PrintEither(common, answer,
                     "backed up at commit " + std::to_string(answer["commit"].get<int64_t>()) +
                         ": " + BytesText(answer["bytes"].get<uint64_t>()) + " in " +
                         std::to_string(answer["files"].get<uint64_t>()) + " files in " +
                         answer["folder"].get<std::string>() + "\n");
}

Status Restore(const Common& common, const std::string& folder) {
  ARROW_ASSIGN_OR_RAISE(const std::string source, Absolute(folder));
  ARROW_ASSIGN_OR_RAISE(const std::string data, Absolute(common.data));
  ARROW_ASSIGN_OR_RAISE(const table::BackupReport report, table::RestoreBackup(source, data));
  return PrintEither(common,
                     json{{"data", common.data},
                          {"commit", report.commit.value},
                          {"files", report.files},
                          {"bytes", report.bytes}},
                     "restored to " + common.data + " at commit " +
                         std::to_string(report.commit.value) + ": " + BytesText(report.bytes) +
                         " in " + std::to_string(report.files) + " files\n");
}

Status Check(const Common& common) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), "check", json::object()));
  const auto number = [&](const char* name) { return WithCommas(answer[name].get<int64_t>()); };
  return PrintEither(common, answer,
                     "whole up to commit " + number("last_commit") + ": " + number("tables") +
                         " tables, " + number("logs") + " logs, " + number("entries") +
                         " entries in " + number("log_files") + " log files (" +
                         BytesText(answer["bytes"].get<uint64_t>()) + "), " + number("lake_files") +
                         " lake files, " + number("files") + " other files\n");
}

}  // namespace

void AddBackup(CommandLine* line) {
  const auto folder = std::make_shared<std::string>();
  CLI::App* backup = line->app->add_subcommand(
      "backup", "Copy the store, as it is at one commit, to a new folder of the server's machine");
  backup->add_option("DIR", *folder, "The folder, new or empty")->required();
  backup->callback(
      [line, folder] { line->run = [line, folder] { return BackUp(line->common, *folder); }; });
  CLI::App* restore =
      line->app->add_subcommand("restore", "Make the folder of --data from a backup, verifying it");
  restore->add_option("DIR", *folder, "The backup")->required();
  restore->callback(
      [line, folder] { line->run = [line, folder] { return Restore(line->common, *folder); }; });
  CLI::App* check = line->app->add_subcommand(
      "check", "Read and verify every byte of a store: of the folder --data, or of a server");
  check->callback([line] { line->run = [line] { return Check(line->common); }; });
}

}  // namespace firth::cli
