#include "firth/cli/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "firth/cli/commands.h"
#include "firth/cli/series.h"

namespace firth::cli {
namespace {

void AddCommonOptions(CommandLine* line) {
  CLI::App* app = line->app;
  app->add_option("--server", line->common.server,
                  "The server to talk to; default: the one that holds --data")
      ->envname("FIRTH_SERVER")
      ->type_name("HOST:PORT");
  app->add_option("--secret", line->common.secret, "The secret to sign in with")
      ->envname("FIRTH_SECRET");
  app->add_option("--data", line->common.data,
                  "The folder of the store, used by itself when no server holds it")
      ->capture_default_str()
      ->type_name("DIR");
  app->add_flag("--json", line->common.json, "Print JSON");
}

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// One line: what CLI11 found, and where to read more.
int ExplainUsage(const CLI::App& app, const CLI::ParseError& error) {
  std::string command = "firth";
  for (const CLI::App* named : app.get_subcommands()) {
    command += ' ' + named->get_name();
    for (const CLI::App* inner : named->get_subcommands()) command += ' ' + inner->get_name();
  }
  std::string text = error.what();
  const std::vector<std::string> unknown = app.remaining(true);
  if (command == "firth" && !unknown.empty()) {
    text = "there is no command `" + unknown.front() + "`";
  } else if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    text = "nothing expects";
    for (const std::string& word : unknown) text += " `" + word + "`";
  }
  std::fprintf(stderr, "firth: %s; see `%s --help`\n", OneLine(text).c_str(), command.c_str());
  return kExitUsage;
}

/// One line: what the command met, and what to do where that is the command line's to know.
int ExplainError(const Common& common, const Status& status) {
  std::string text = MessageOf(status);
  const bool refused =
      CodeOf(status) == Code::kPermissionDenied || CodeOf(status) == Code::kUnauthenticated;
  if (refused && common.secret.empty()) text += "; sign in with --secret or FIRTH_SECRET";
  std::fprintf(stderr, "firth: %s\n", OneLine(text).c_str());
  return kExitError;
}

}  // namespace

int Run(int argc, char** argv) {
  CLI::App app("Tables that move: one server for tables that are also streams", "firth");
  CommandLine line;
  line.app = &app;
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", [] { return std::string(VersionText()); });
  AddCommonOptions(&line);
  for (const auto add :
       {AddServe, AddTables, AddCreate, AddPartitions, AddLoad, AddExport, AddRead, AddChange,
        AddLake, AddSeries, AddSql, AddUsers, AddGrants, AddBackup, AddVersion}) {
    add(&line);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help and --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return ExplainUsage(app, error);
  }
  const Status status = line.run();
  std::fflush(stdout);
  return status.ok() ? kExitOk : ExplainError(line.common, status);
}

}  // namespace firth::cli
