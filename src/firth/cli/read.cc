// firth tail, scan, get.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "firth/cli/commands.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/read_options.h"
#include "firth/cli/row_printer.h"
#include "firth/cli/whole_number.h"

namespace firth::cli {
namespace {

Status PrintRows(const Common& common, Session* session, const nlohmann::json& ticket) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, session->Get(ticket.dump()));
  ARROW_ASSIGN_OR_RAISE(const auto printer, RowPrinter::Make(reader->schema(), common.json));
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto rows, reader->Next());
    if (rows == nullptr) return printer->Close();
    ARROW_RETURN_NOT_OK(printer->Print(rows));
  }
}

struct TailOptions {
  ReadOptions read;
  int64_t last = 10;
  bool follow = false;
};

/// The log's rows with their offsets and changes, from --from, else the last few of each bucket.
Status Tail(const Common& common, const TailOptions& options) {
  nlohmann::json ticket;
  ARROW_RETURN_NOT_OK(options.read.Write(&ticket));
  if (!ticket.contains("from")) {
    if (options.last > 0) {
      ticket["from"] = -options.last;
    } else {
      ticket["from"] = "latest";
    }
  }
  ticket["hidden"] = true;
  ticket["follow"] = options.follow;
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  return PrintRows(common, session.get(), ticket);
}

Status Scan(const Common& common, const ReadOptions& options) {
  nlohmann::json ticket;
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_RETURN_NOT_OK(PreferCurrent(options, session.get(), &ticket));
  return PrintRows(common, session.get(), ticket);
}

struct GetOptions {
  std::string path;
  std::vector<std::string> keys;
  std::vector<std::string> columns;
};

/// The rows of some keys, in the order of the buckets; a key that has none is left out.
Status Get(const Common& common, const GetOptions& options) {
  nlohmann::json ticket = {
      {"path", options.path}, {"current", true}, {"keys", nlohmann::json::array()}};
  for (const std::string& key : options.keys) ticket["keys"].push_back(KeyValues(key));
  if (!options.columns.empty()) ticket["columns"] = options.columns;
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  return PrintRows(common, session.get(), ticket);
}

}  // namespace

void AddRead(CommandLine* line) {
  const auto tail = std::make_shared<TailOptions>();
  CLI::App* command = line->app->add_subcommand(
      "tail", "Show the last rows of a table's log, and with --follow those that arrive");
  tail->read.AddTo(command);
  command
      ->add_option("-n,--last", tail->last,
                   "Without --from: begin so many rows before the end of each bucket")
      ->check(WholeNumber(0))
      ->capture_default_str();
  command->add_flag("-f,--follow", tail->follow,
                    "Go on with rows as they arrive, until interrupted");
  command->callback(
      [line, tail] { line->run = [line, tail] { return Tail(line->common, *tail); }; });

  const auto scan = std::make_shared<ReadOptions>();
  command = line->app->add_subcommand("scan", "Show a table's rows");
  scan->AddTo(command);
  scan->AddChangesTo(command);
  command->callback(
      [line, scan] { line->run = [line, scan] { return Scan(line->common, *scan); }; });

  const auto get = std::make_shared<GetOptions>();
  command = line->app->add_subcommand("get", "Show the rows of some keys");
  command->add_option("PATH", get->path, "The table")->required();
  command->add_option("KEY", get->keys, "The keys; values of several key columns with `,` between")
      ->required();
  command->add_option("--columns", get->columns, "Only these columns")
      ->delimiter(',')
      ->type_name("COLUMN,…")
      ->allow_extra_args(false);
  command->callback([line, get] { line->run = [line, get] { return Get(line->common, *get); }; });
}

}  // namespace firth::cli
