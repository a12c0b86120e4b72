// firth create, alter.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "firth/cli/commands.h"
#include "firth/cli/definition_options.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"

namespace firth::cli {
namespace {

using nlohmann::json;

struct CreateOptions {
  std::string path;
  bool if_absent = false;
  DefinitionOptions definition;
};

struct AlterOptions {
  std::string path;
  std::string add;
  std::vector<std::string> rename;
  std::vector<std::string> drop;
  LivingOptions living;
};

Status Create(const Common& common, const CreateOptions& options) {
  json body = {{"path", options.path}, {"if_absent", options.if_absent}};
  ARROW_RETURN_NOT_OK(options.definition.Write(&body));
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common, true));
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), "create", body));
  return PrintEither(common, answer,
                     "created " + options.path + " with " +
                         Counted(static_cast<int64_t>(answer["schema"].size()), "column") + '\n');
}

Status Alter(const Common& common, const AlterOptions& options) {
  json body = json::object();
  if (!options.add.empty()) {
    ARROW_ASSIGN_OR_RAISE(body["add"], SchemaJson(options.add));
  }
  if (!options.rename.empty()) {
    ARROW_ASSIGN_OR_RAISE(body["rename"], NamesAndValues(options.rename));
  }
  if (!options.drop.empty()) body["drop"] = options.drop;
  ARROW_RETURN_NOT_OK(options.living.Write(&body));
  if (body.empty()) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "nothing to alter; say what with --add, --rename, --drop, --log-lifetime, "
                 "--log-bytes, --compression or --attribute");
  }
  body["path"] = options.path;
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), "alter", body));
  return PrintEither(common, answer, "altered " + options.path + '\n');
}

}  // namespace

void AddCreate(CommandLine* line) {
  const auto create = std::make_shared<CreateOptions>();
  CLI::App* command = line->app->add_subcommand("create", "Make a table");
  command->add_option("PATH", create->path, "The table, like a/b")->required();
  command->add_flag("--if-absent", create->if_absent, "A table that is there is no error");
  create->definition.AddTo(command);
  command->get_option("--schema")->required();
  command->callback(
      [line, create] { line->run = [line, create] { return Create(line->common, *create); }; });

  const auto alter = std::make_shared<AlterOptions>();
  command = line->app->add_subcommand("alter", "Change a table's columns or lifetimes");
  command->add_option("PATH", alter->path, "The table")->required();
  command->add_option("--add", alter->add, "New columns, which are null in old rows")
      ->type_name("NAME:TYPE,…");
  command->add_option("--rename", alter->rename, "A column's new name")
      ->type_name("OLD=NEW")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--drop", alter->drop, "Columns to remove")
      ->type_name("COLUMN,…")
      ->delimiter(',')
      ->allow_extra_args(false);
  alter->living.AddTo(command);
  command->callback(
      [line, alter] { line->run = [line, alter] { return Alter(line->common, *alter); }; });
}

}  // namespace firth::cli
