// firth sql: a statement over tables.
#include <CLI/CLI.hpp>

#include <arrow/io/stdio.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "firth/cli/commands.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/row_printer.h"
#include "firth/format/reader.h"

namespace firth::cli {
namespace {

struct SqlOptions {
  std::string statement;
  bool csv = false;
};

class CsvPrinter : public RowPrinter {
 public:
  static Result<std::unique_ptr<RowPrinter>> Make(const std::shared_ptr<arrow::Schema>& schema) {
    ARROW_ASSIGN_OR_RAISE(auto writer,
                          format::MakeWriter(format::FileFormat::kCsv,
                                             std::make_shared<arrow::io::StdoutStream>(), schema));
    return std::make_unique<CsvPrinter>(std::move(writer));
  }
  explicit CsvPrinter(std::unique_ptr<format::FileWriter> writer) : writer_(std::move(writer)) {}
  Status Print(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    return writer_->Write(*rows);
  }
  Status Close() override { return writer_->Close(); }

 private:
  const std::unique_ptr<format::FileWriter> writer_;
};

Status Sql(const Common& common, const SqlOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  const nlohmann::json ticket = {{"sql", options.statement}};
  ARROW_ASSIGN_OR_RAISE(const auto reader, session->Get(ticket.dump()));
  ARROW_ASSIGN_OR_RAISE(const auto printer, options.csv
                                                ? CsvPrinter::Make(reader->schema())
                                                : RowPrinter::Make(reader->schema(), common.json));
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto rows, reader->Next());
    if (rows == nullptr) return printer->Close();
    ARROW_RETURN_NOT_OK(printer->Print(rows));
  }
}

}  // namespace

void AddSql(CommandLine* line) {
  const auto options = std::make_shared<SqlOptions>();
  CLI::App* command = line->app->add_subcommand(
      "sql", "Run a SELECT statement over tables, like \"SELECT count(*) FROM shop.orders\"");
  command->add_option("STATEMENT", options->statement, "The statement")->required();
  command->add_flag("--csv", options->csv, "Print CSV");
  command->callback(
      [line, options] { line->run = [line, options] { return Sql(line->common, *options); }; });
}

}  // namespace firth::cli
