// firth grant, revoke, grants.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "firth/cli/commands.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/text_table.h"

namespace firth::cli {
namespace {

using nlohmann::json;

struct GrantOptions {
  std::string user;
  std::string what;  // a role, or rights with `,` between
  std::string path;
};

constexpr std::array<std::string_view, 3> kRoles = {"reader", "writer", "admin"};

Status Change(const Common& common, const GrantOptions& options, const char* action) {
  json body = {{"user", options.user}, {"path", options.path}};
  const bool role = std::find(kRoles.begin(), kRoles.end(), options.what) != kRoles.end();
  if (role) {
    body["role"] = options.what;
  } else {
    body["rights"] = CLI::detail::split(options.what, ',');
  }
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), action, body));
  const std::string place = options.path.empty() ? "everything" : options.path;
  return PrintEither(common, answer,
                     std::string(action) + (action[0] == 'g' ? "ed " : "d ") + options.what +
                         " on " + place + (action[0] == 'g' ? " to " : " from ") + options.user +
                         '\n');
}

Status Grant(const Common& common, const GrantOptions& options) {
  return Change(common, options, "grant");
}

Status Revoke(const Common& common, const GrantOptions& options) {
  return Change(common, options, "revoke");
}

Status Grants(const Common& common, const GrantOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json list, Act(session.get(), "grants", {{"user", options.user}}));
  if (common.json) return PrintJson(list);
  TextTable table({{"USER"}, {"PATH"}, {"ROLE"}, {"RIGHTS"}});
  for (const json& grant : list) {
    const std::string path = grant["path"].get<std::string>();
    table.Add({grant["user"].get<std::string>(), path.empty() ? "everything" : path,
               grant["role"].get<std::string>(), Joined(grant["rights"])});
  }
  return table.empty() ? Print("no grants\n") : Print(table.Take(true));
}

}  // namespace

void AddGrants(CommandLine* line) {
  const auto options = std::make_shared<GrantOptions>();
  const auto add = [&](const char* name, const char* text,
                       Status (*run)(const Common&, const GrantOptions&)) {
    CLI::App* command = line->app->add_subcommand(name, text);
    command->callback([line, options, run] {
      line->run = [line, options, run] { return run(line->common, *options); };
    });
    return command;
  };
  for (CLI::App* command : {add("grant", "Give a user rights on a path and all below it", Grant),
                            add("revoke", "Take from a user what was granted on a path", Revoke)}) {
    command->add_option("USER", options->user, "The user")->required();
    command
        ->add_option("WHAT", options->what,
                     "reader, writer or admin; or rights: see, read, write, create, admin")
        ->required()
        ->type_name("ROLE|RIGHT,…");
    command->add_option("PATH", options->path, "Where; default: everywhere");
  }
  add("grants", "List what was granted", Grants)
      ->add_option("USER", options->user, "Only to this user");
}

}  // namespace firth::cli
