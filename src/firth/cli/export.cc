// firth export: a table into a file.
#include <CLI/CLI.hpp>

#include <arrow/io/compressed.h>
#include <arrow/io/file.h>
#include <arrow/util/compression.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "firth/cli/commands.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/progress.h"
#include "firth/cli/read_options.h"
#include "firth/common/clock.h"
#include "firth/format/reader.h"

namespace firth::cli {
namespace {

using nlohmann::json;

struct ExportOptions {
  ReadOptions read;
  std::string file;
};

/// What writing the file came to, with the file's name and the system's reason, which Arrow leaves
/// out of its message.
Status OfFile(const std::string& file, const Status& status) {
  if (status.ok() || status.detail() == nullptr) return status;
  return Error(Code::kUnavailable, Reason::kIo,
               file + ": " + status.message() + ": " + status.detail()->ToString());
}

/// A file that gets its name when it is whole, compressed as that name says.
class WholeFile {
 public:
  static Result<std::unique_ptr<WholeFile>> Create(const std::string& name) {
    auto file = std::unique_ptr<WholeFile>(new WholeFile(name));
    const auto opened = arrow::io::FileOutputStream::Open(file->part_);
    ARROW_RETURN_NOT_OK(OfFile(name, opened.status()));
    file->file_ = *opened;
    file->sink_ = file->file_;
    const auto type = name.ends_with(".gz")    ? arrow::Compression::GZIP
                      : name.ends_with(".zst") ? arrow::Compression::ZSTD
                                               : arrow::Compression::UNCOMPRESSED;
    if (type != arrow::Compression::UNCOMPRESSED) {
      ARROW_ASSIGN_OR_RAISE(file->codec_, arrow::util::Codec::Create(type));
      ARROW_ASSIGN_OR_RAISE(
          file->sink_, arrow::io::CompressedOutputStream::Make(file->codec_.get(), file->file_));
    }
    return file;
  }
  ~WholeFile() {
    if (done_) return;
    std::error_code ignored;
    std::filesystem::remove(part_, ignored);
  }

  const std::shared_ptr<arrow::io::OutputStream>& sink() const { return sink_; }

  Status Finish() {
    if (!sink_->closed()) ARROW_RETURN_NOT_OK(OfFile(name_, sink_->Close()));
    if (!file_->closed()) ARROW_RETURN_NOT_OK(OfFile(name_, file_->Close()));
    std::error_code failed;
    std::filesystem::rename(part_, name_, failed);
    if (failed) return Error(Code::kUnavailable, Reason::kIo, name_ + ": " + failed.message());
    done_ = true;
    return Status::OK();
  }

 private:
  explicit WholeFile(const std::string& name) : name_(name), part_(name + ".part") {}

  const std::string name_;
  const std::string part_;
  std::unique_ptr<arrow::util::Codec> codec_;
  std::shared_ptr<arrow::io::OutputStream> file_;
  std::shared_ptr<arrow::io::OutputStream> sink_;
  bool done_ = false;
};

/// How many rows the ticket reads, for progress; 0 where nobody knows.
int64_t RowsExpected(const json& ticket, Session* session) {
  for (const auto& [name, value] : ticket.items()) {
    if (name != "path" && name != "columns") return 0;
  }
  const auto stats = Act(session, "stats", {{"path", ticket["path"]}});
  return stats.ok() ? stats->value("rows", int64_t{0}) : 0;
}

Status Export(const Common& common, const ExportOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto format, format::FormatOfName(options.file));
  if (options.file.ends_with(".zip")) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "an export is not zipped; name the file .gz or .zst");
  }
  json ticket;
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common));
  ARROW_RETURN_NOT_OK(PreferCurrent(options.read, session.get(), &ticket));
  const int64_t expected = RowsExpected(ticket, session.get());
  ARROW_ASSIGN_OR_RAISE(const auto reader, session->Get(ticket.dump()));
  ARROW_ASSIGN_OR_RAISE(const auto file, WholeFile::Create(options.file));
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        format::MakeWriter(format, file->sink(), reader->schema()));
  const SystemClock clock;
  int64_t written = 0;
  double seconds = 0;
  {
    Progress progress(&clock, "exporting " + options.read.path);
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const auto rows, reader->Next());
      if (rows == nullptr) break;
      ARROW_RETURN_NOT_OK(OfFile(options.file, writer->Write(*rows)));
      written += rows->num_rows();
      progress.Update(written, expected == 0
                                   ? -1
                                   : static_cast<double>(written) / static_cast<double>(expected));
    }
    ARROW_RETURN_NOT_OK(OfFile(options.file, writer->Close()));
    ARROW_RETURN_NOT_OK(file->Finish());
    seconds = progress.seconds();
  }
  return PrintEither(
      common, {{"file", options.file}, {"rows", written}, {"seconds", seconds}},
      "exported " + ProgressText(written, -1, seconds) + " to " + options.file + '\n');
}

}  // namespace

void AddExport(CommandLine* line) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App* command = line->app->add_subcommand(
      "export", "Write a table's rows to a file: Parquet, CSV, JSON lines or Arrow, by its name");
  options->read.AddTo(command);
  options->read.AddChangesTo(command);
  command->add_option("FILE", options->file, "The file, like rows.parquet or rows.csv.gz")
      ->required();
  command->callback(
      [line, options] { line->run = [line, options] { return Export(line->common, *options); }; });
}

}  // namespace firth::cli
