// firth partitions, namespaces.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "firth/cli/commands.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/text_table.h"

namespace firth::cli {
namespace {

using nlohmann::json;
using Align = TextTable::Align;

struct Options {
  std::string path;
  std::vector<std::string> create;
  std::vector<std::string> drop;
  std::string create_path;
  std::string drop_path;
  bool cascade = false;
};

Status ListPartitions(const Common& common, const Options& options, Session* session) {
  ARROW_ASSIGN_OR_RAISE(const json list, Act(session, "partitions", {{"path", options.path}}));
  if (common.json) return PrintJson(list);
  TextTable table(
      {{"PARTITION"}, {"BUCKET", Align::kRight}, {"START", Align::kRight}, {"END", Align::kRight}});
  for (const json& partition : list) {
    int64_t bucket = 0;
    for (const json& range : partition["buckets"]) {
      table.Add({Joined(partition["values"]), std::to_string(bucket++),
                 std::to_string(range["start"].get<int64_t>()),
                 std::to_string(range["end"].get<int64_t>())});
    }
  }
  return table.empty() ? Print("no partitions\n") : Print(table.Take(true));
}

Status Partitions(const Common& common, const Options& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  if (options.create.empty() && options.drop.empty()) {
    return ListPartitions(common, options, session.get());
  }
  const bool create = !options.create.empty();
  const auto& values = create ? options.create : options.drop;
  ARROW_ASSIGN_OR_RAISE(const json answer,
                        Act(session.get(), create ? "partition.create" : "partition.drop",
                            {{"path", options.path}, {"values", values}}));
  return PrintEither(
      common, answer,
      (create ? "created " : "dropped ") + Joined(json(values)) + " of " + options.path + '\n');
}

Status Namespaces(const Common& common, const Options& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common, !options.create_path.empty()));
  if (!options.create_path.empty()) {
    ARROW_ASSIGN_OR_RAISE(const json answer,
                          Act(session.get(), "namespace.create", {{"path", options.create_path}}));
    return PrintEither(common, answer, "created " + options.create_path + '\n');
  }
  if (!options.drop_path.empty()) {
    ARROW_ASSIGN_OR_RAISE(const json answer,
                          Act(session.get(), "namespace.drop",
                              {{"path", options.drop_path}, {"cascade", options.cascade}}));
    return PrintEither(common, answer, "dropped " + options.drop_path + '\n');
  }
  ARROW_ASSIGN_OR_RAISE(const json list,
                        Act(session.get(), "namespaces", {{"parent", options.path}}));
  if (common.json) return PrintJson(list);
  std::string text;
  for (const json& one : list) text += one["path"].get<std::string>() + '\n';
  return Print(text.empty() ? "no namespaces\n" : text);
}

}  // namespace

void AddPartitions(CommandLine* line) {
  const auto options = std::make_shared<Options>();
  CLI::App* partitions =
      line->app->add_subcommand("partitions", "List a table's partitions, make or drop one");
  partitions->add_option("PATH", options->path, "The table")->required();
  auto* create = partitions->add_option("--create", options->create, "Make a partition");
  auto* drop = partitions->add_option("--drop", options->drop, "Remove a partition and its rows");
  for (auto* option : {create, drop}) {
    option->type_name("VALUE,…")->delimiter(',')->allow_extra_args(false);
  }
  drop->excludes(create);
  partitions->callback([line, options] {
    line->run = [line, options] { return Partitions(line->common, *options); };
  });

  CLI::App* namespaces =
      line->app->add_subcommand("namespaces", "List the namespaces in one, make or drop one");
  namespaces->add_option("PARENT", options->path, "The namespace to look in; default: the root");
  auto* make = namespaces->add_option("--create", options->create_path, "Make a namespace")
                   ->type_name("PATH");
  namespaces->add_option("--drop", options->drop_path, "Remove a namespace")
      ->type_name("PATH")
      ->excludes(make);
  namespaces->add_flag("--cascade", options->cascade, "With all that is below it");
  namespaces->callback([line, options] {
    line->run = [line, options] { return Namespaces(line->common, *options); };
  });
}

}  // namespace firth::cli
