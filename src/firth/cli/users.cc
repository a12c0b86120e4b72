// firth user: principals and their secrets.
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

struct UserOptions {
  std::string name;
  std::string role;
  std::string new_secret;
  std::string description;
  bool service = false;
  int64_t id = 0;
};

Status Add(const Common& common, const UserOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common, true));
  json body = {{"name", options.name}};
  if (!options.role.empty()) body["role"] = options.role;
  if (options.service) body["kind"] = "service";
  if (!options.new_secret.empty()) body["secret"] = options.new_secret;
  ARROW_ASSIGN_OR_RAISE(json answer, Act(session.get(), "user.put", body));
  const bool is_new = answer["new"].get<bool>();
  std::string words = (is_new ? "added " : "changed ") + options.name + " with the role " +
                      answer["role"].get<std::string>() + '\n';
  if (is_new && options.new_secret.empty()) {
    ARROW_ASSIGN_OR_RAISE(const json issued,
                          Act(session.get(), "secret.issue",
                              {{"user", options.name}, {"description", options.description}}));
    answer["secret"] = issued["secret"];
    words += "secret, shown this once: " + issued["secret"].get<std::string>() + '\n';
  }
  return PrintEither(common, answer, words);
}

Status Remove(const Common& common, const UserOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer,
                        Act(session.get(), "user.remove", {{"name", options.name}}));
  return PrintEither(common, answer, "removed " + options.name + '\n');
}

Status List(const Common& common, const UserOptions&) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json list, Act(session.get(), "users", json::object()));
  if (common.json) return PrintJson(list);
  TextTable table({{"NAME"}, {"KIND"}, {"ROLE"}});
  for (const json& user : list) {
    table.Add({user["name"].get<std::string>(), user["kind"].get<std::string>(),
               user["role"].get<std::string>()});
  }
  return table.empty() ? Print("no users\n") : Print(table.Take(true));
}

Status Issue(const Common& common, const UserOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer,
                        Act(session.get(), "secret.issue",
                            {{"user", options.name}, {"description", options.description}}));
  return PrintEither(common, answer,
                     "secret of " + options.name +
                         ", shown this once: " + answer["secret"].get<std::string>() + '\n');
}

Status Secrets(const Common& common, const UserOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json list, Act(session.get(), "secrets", {{"user", options.name}}));
  if (common.json) return PrintJson(list);
  TextTable table({{"ID", Align::kRight}, {"BEGINS WITH"}, {"CREATED"}, {"DESCRIPTION"}});
  for (const json& secret : list) {
    table.Add({std::to_string(secret["id"].get<int64_t>()), secret["prefix"].get<std::string>(),
               secret["created"].get<std::string>(), secret["description"].get<std::string>()});
  }
  return table.empty() ? Print("no secrets\n") : Print(table.Take(true));
}

Status Revoke(const Common& common, const UserOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer,
                        Act(session.get(), "secret.revoke", {{"id", options.id}}));
  return PrintEither(common, answer, "revoked secret " + std::to_string(options.id) + '\n');
}

}  // namespace

void AddUsers(CommandLine* line) {
  const auto options = std::make_shared<UserOptions>();
  CLI::App* user = line->app->add_subcommand("user", "Manage users and their secrets");
  user->require_subcommand(1);
  const auto add = [&](const char* name, const char* text,
                       Status (*run)(const Common&, const UserOptions&)) {
    CLI::App* command = user->add_subcommand(name, text);
    command->callback([line, options, run] {
      line->run = [line, options, run] { return run(line->common, *options); };
    });
    return command;
  };
  CLI::App* put = add(
      "add", "Make a user, with a secret that is shown once, or change what is given of one", Add);
  put->add_option("--role", options->role, "What it may do everywhere; none, if it is new")
      ->check(CLI::IsMember({"admin", "writer", "reader", "none"}));
  put->add_option("--new-secret", options->new_secret,
                  "Its secret, of at least 8 characters, instead of one that is made up");
  put->add_flag("--service", options->service, "A program, not a person");
  CLI::App* secret = add("secret", "Make another secret for a user", Issue);
  secret->add_option("--description", options->description, "What it is for");
  for (CLI::App* named : {put, add("remove", "Remove a user, its secrets and its grants", Remove),
                          secret, add("secrets", "List a user's secrets", Secrets)}) {
    named->add_option("NAME", options->name, "The user")->required();
  }
  add("list", "List users", List);
  add("revoke-secret", "End a secret", Revoke)
      ->add_option("ID", options->id, "Its number, as `user secrets` shows it")
      ->required();
}

}  // namespace firth::cli
