// firth series, windows, nearest: series of points, and the numbers of any table with a time.
#include "firth/cli/series.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/text_table.h"

namespace firth::cli {
namespace {

using nlohmann::json;
using Align = TextTable::Align;

struct SeriesOptions {
  std::string path;
  std::string series;
  std::string start;
  std::string end;
  std::string width;
  std::string time;
  bool backward = false;
  int64_t revision = 0;
};

json Asked(const SeriesOptions& options) {
  json asked = {{"path", options.path}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) asked[name] = value;
  };
  add("series", options.series);
  add("start", options.start);
  add("end", options.end);
  add("width", options.width);
  add("time", options.time);
  if (options.revision != 0) asked["revision"] = options.revision;
  if (options.backward) asked["backward"] = true;
  return asked;
}

std::string Number(const json& window, const char* name) {
  return window.contains(name) ? window[name].dump() : "";
}

Status List(const Common& common, const SeriesOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  const json asked = options.path.empty() ? json::object() : json{{"path", options.path}};
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), "series.list", asked));
  if (common.json) return PrintJson(answer);
  if (answer.empty()) return Print("no series\n");
  TextTable table({{"PATH"}, {"NAME"}, {"ID"}});
  for (const json& one : answer) {
    table.Add({one["path"].get<std::string>(), one["name"].get<std::string>(),
               one["id"].get<std::string>()});
  }
  return Print(table.Take(true));
}

Status Windows(const Common& common, const SeriesOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), "series.windows", Asked(options)));
  if (common.json) return PrintJson(answer);
  if (answer.empty()) return Print("no points\n");
  TextTable table({{"TIME"},
                   {"COUNT", Align::kRight},
                   {"MIN", Align::kRight},
                   {"MEAN", Align::kRight},
                   {"MAX", Align::kRight},
                   {"STDDEV", Align::kRight}});
  for (const json& one : answer) {
    table.Add({one["time"].get<std::string>(), WithCommas(one["count"].get<int64_t>()),
               Number(one, "min"), Number(one, "mean"), Number(one, "max"), Number(one, "stddev")});
  }
  return Print(table.Take(true));
}

Status Nearest(const Common& common, const SeriesOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_ASSIGN_OR_RAISE(const json answer, Act(session.get(), "series.nearest", Asked(options)));
  if (common.json) return PrintJson(answer);
  if (answer.is_null()) return Print("no point\n");
  return Print(answer["time"].get<std::string>() + "  " + answer["value"].dump() + "\n");
}

}  // namespace

void AddSeries(CommandLine* line) {
  const auto options = std::make_shared<SeriesOptions>();
  const auto add = [&](const char* name, const char* text, auto run) {
    CLI::App* command = line->app->add_subcommand(name, text);
    command->callback([line, options, run] {
      line->run = [line, options, run] { return run(line->common, *options); };
    });
    return command;
  };
  add("series", "List series: of collections, and numeric columns of tables with a time", List)
      ->add_option("PATH", options->path, "Only those of this collection or table");
  const auto shared = [&](CLI::App* command) {
    command->add_option("PATH", options->path, "The collection or table")->required();
    command->add_option("--series", options->series,
                        "The name or id of one series, where there are more");
    command->add_option("--revision", options->revision, "As it was then; default: the latest");
  };
  CLI::App* windows = add("windows", "Show statistics of windows of time", Windows);
  shared(windows);
  windows->add_option("--start", options->start, "Default: the first point");
  windows->add_option("--end", options->end, "Default: behind the last point");
  windows->add_option("--width", options->width, "A duration (15m, 1h, 7d); default: 20 windows");
  CLI::App* nearest = add("nearest", "Show the point next to a time", Nearest);
  shared(nearest);
  nearest->add_option("--time", options->time, "Default: the last point of all");
  nearest->add_flag("--backward", options->backward, "The last point before, not the first from");
}

}  // namespace firth::cli
