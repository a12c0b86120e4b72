// firth sql: a statement over tables.
#include <CLI/CLI.hpp>

#include <arrow/array.h>
#include <arrow/io/file.h>
#include <arrow/io/stdio.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "firth/cli/commands.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/progress.h"
#include "firth/cli/row_printer.h"
#include "firth/common/clock.h"
#include "firth/common/random.h"
#include "firth/common/text.h"
#include "firth/format/reader.h"

namespace firth::cli {
namespace {

struct SqlOptions {
  std::string statement;
  bool csv = false;
  bool plan = false;
  std::string parquet;  // a file
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

/// Into a file that gets its name when it is whole.
class ParquetPrinter : public RowPrinter {
 public:
  static Result<std::unique_ptr<RowPrinter>> Make(const Common& common, const std::string& file,
                                                  const std::shared_ptr<arrow::Schema>& schema) {
    auto printer = std::make_unique<ParquetPrinter>(common, file);
    ARROW_ASSIGN_OR_RAISE(printer->sink_, arrow::io::FileOutputStream::Open(printer->part_));
    ARROW_ASSIGN_OR_RAISE(printer->writer_,
                          format::MakeWriter(format::FileFormat::kParquet, printer->sink_, schema));
    return printer;
  }
  ParquetPrinter(const Common& common, const std::string& file)
      : common_(common), file_(file), part_(file + ".part") {}
  ~ParquetPrinter() override {
    std::error_code ignored;
    if (!done_) std::filesystem::remove(part_, ignored);
  }

  Status Print(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    rows_ += rows->num_rows();
    return writer_->Write(*rows);
  }
  Status Close() override {
    ARROW_RETURN_NOT_OK(writer_->Close());
    if (!sink_->closed()) ARROW_RETURN_NOT_OK(sink_->Close());
    std::error_code failed;
    std::filesystem::rename(part_, file_, failed);
    if (failed) {
      return Error(Code::kUnavailable, Reason::kIo, file_ + ": " + failed.message());
    }
    done_ = true;
    return PrintEither(common_, {{"file", file_}, {"rows", rows_}},
                       Counted(rows_, "row") + " in " + file_ + "\n");
  }

 private:
  const Common& common_;
  const std::string file_;
  const std::string part_;
  std::shared_ptr<arrow::io::FileOutputStream> sink_;
  std::unique_ptr<format::FileWriter> writer_;
  int64_t rows_ = 0;
  bool done_ = false;
};

/// The lines as they are, without a table's frame.
class PlanPrinter : public RowPrinter {
 public:
  Status Print(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    const auto& lines = static_cast<const arrow::StringArray&>(*rows->column(0));
    std::string text;
    for (int64_t i = 0; i < lines.length(); ++i) text += lines.GetString(i) + '\n';
    return cli::Print(text);
  }
  Status Close() override { return Status::OK(); }
};

Result<std::unique_ptr<RowPrinter>> MakePrinter(const Common& common, const SqlOptions& options,
                                                const std::shared_ptr<arrow::Schema>& schema) {
  if (!options.parquet.empty()) return ParquetPrinter::Make(common, options.parquet, schema);
  if (options.csv) return CsvPrinter::Make(schema);
  if (options.plan && !common.json) return std::make_unique<PlanPrinter>();
  return RowPrinter::Make(schema, common.json);
}

/// Shows how far a query is that has given no row yet, as the server says it.
class Watcher {
 public:
  Watcher(doors::flight::Session* session, std::string name, Progress* progress)
      : session_(session), name_(std::move(name)), progress_(progress) {}
  ~Watcher() { Stop(); }

  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  static constexpr std::chrono::milliseconds kStep{200};

  void Watch(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, kStep, [&] { return stop.stop_requested(); })) {
      if (stop.stop_requested()) return;
      // One that has ended, and a server that does not tell, are no matter of this line.
      const auto answer = session_->Act("query.progress", nlohmann::json{{"name", name_}}.dump());
      if (!answer.ok()) continue;
      const auto told = nlohmann::json::parse(*answer, nullptr, /*allow_exceptions=*/false);
      if (!told.is_object()) continue;
      const int64_t rows = told.value("rows_read", int64_t{0});
      progress_->Update(rows == 0 ? -1 : rows, told.value("part", -1.0));
    }
  }

  doors::flight::Session* const session_;
  const std::string name_;
  Progress* const progress_;
  std::jthread thread_{[this](const std::stop_token& stop) { Watch(stop); }};
};

Status Sql(const Common& common, const SqlOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  SystemRandom random;
  const std::string name = "firth sql " + UuidToText(random.Uuid());
  nlohmann::json ticket = {{"sql", options.statement}};
  if (options.plan) {
    ticket["plan"] = true;
  } else {
    ticket["name"] = name;
  }
  const SystemClock clock;
  auto progress = std::make_unique<Progress>(&clock, "reading");
  ARROW_ASSIGN_OR_RAISE(const auto reader, session->Get(ticket.dump()));
  ARROW_ASSIGN_OR_RAISE(const auto printer, MakePrinter(common, options, reader->schema()));
  auto watcher = std::make_unique<Watcher>(session.get(), name, progress.get());
  int64_t count = 0;
  for (;;) {
    const auto next = reader->Next();
    watcher.reset();
    if (options.parquet.empty()) progress.reset();
    ARROW_ASSIGN_OR_RAISE(const auto rows, next);
    if (rows == nullptr) break;
    count += rows->num_rows();
    if (!options.parquet.empty()) progress->Update(count, /*part=*/-1);
    ARROW_RETURN_NOT_OK(printer->Print(rows));
  }
  progress.reset();
  return printer->Close();
}

}  // namespace

void AddSql(CommandLine* line) {
  const auto options = std::make_shared<SqlOptions>();
  CLI::App* command = line->app->add_subcommand(
      "sql", "Run a SELECT statement over tables, like \"SELECT count(*) FROM shop.orders\"");
  command->add_option("STATEMENT", options->statement, "The statement")->required();
  CLI::Option* csv = command->add_flag("--csv", options->csv, "Print CSV");
  CLI::Option* parquet =
      command->add_option("--parquet", options->parquet, "Write the rows into this file");
  command->add_flag("--plan", options->plan,
                    "Do not run it: print its plan, the columns it reads, and their bytes");
  csv->excludes(parquet);
  command->callback(
      [line, options] { line->run = [line, options] { return Sql(line->common, *options); }; });
}

}  // namespace firth::cli
