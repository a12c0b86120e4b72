// firth load: files into a table.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "firth/cli/commands.h"
#include "firth/cli/definition_options.h"
#include "firth/cli/open_session.h"
#include "firth/cli/output.h"
#include "firth/cli/progress.h"
#include "firth/common/clock.h"
#include "firth/doors/flight/edition_json.h"
#include "firth/format/reader.h"

namespace firth::cli {
namespace {

using nlohmann::json;

struct LoadOptions {
  std::string path;
  std::vector<std::string> files;
  DefinitionOptions definition;
  bool no_header = false;
  bool deletes = false;
  std::vector<std::string> null_values;
};

using SchemaPtr = std::shared_ptr<arrow::Schema>;

class Load {
 public:
  Load(const LoadOptions& options, Session* session)
      : options_(options), session_(session), progress_(&clock_, "loading " + options.path) {}

  Status Run() {
    target_ = {{"path", options_.path}};
    if (options_.deletes) {
      target_["delete"] = true;
    } else {
      target_["create"] = true;
      ARROW_RETURN_NOT_OK(options_.definition.Write(&target_));
    }
    ARROW_ASSIGN_OR_RAISE(types_, KnownTypes());
    ARROW_RETURN_NOT_OK(MeasureFiles());
    for (size_t i = 0; i < options_.files.size(); ++i) {
      ARROW_RETURN_NOT_OK(LoadFile(options_.files[i], bytes_[i]));
      bytes_done_ += bytes_[i];
    }
    return Status::OK();
  }

  int64_t rows() const { return rows_; }
  int64_t commit() const { return commit_; }
  double seconds() const { return progress_.seconds(); }

 private:
  /// The types that columns are read as: those of the table that is there, else of --schema, else
  /// (null) those of the first file.
  Result<SchemaPtr> KnownTypes() {
    auto description = Act(session_, "describe", {{"path", options_.path}});
    if (description.ok()) return doors::flight::SchemaFromJson((*description)["schema"]);
    if (ReasonOf(description.status()) != Reason::kTableNotFound) return description.status();
    if (!target_.contains("schema")) return nullptr;
    return doors::flight::SchemaFromJson(target_["schema"]);
  }

  Status MeasureFiles() {
    for (const std::string& file : options_.files) {
      std::error_code failed;
      const auto size = std::filesystem::file_size(file, failed);
      if (failed) {
        return Error(Code::kNotFound, Reason::kFileMissing,
                     "the file " + file + " cannot be read: " + failed.message());
      }
      bytes_.push_back(static_cast<double>(size));
      bytes_all_ += bytes_.back();
    }
    return Status::OK();
  }

  /// Open a file so that its columns have the known types, where it has them at all.
  Result<std::unique_ptr<format::FileReader>> Open(const std::string& file) {
    format::ReadOptions read;
    read.header = !options_.no_header;
    if (!options_.null_values.empty()) read.null_values = options_.null_values;
    if (options_.no_header && types_ != nullptr) read.schema = types_;
    ARROW_ASSIGN_OR_RAISE(auto reader, format::OpenFile(file, read));
    if (types_ == nullptr || read.schema != nullptr) return reader;
    std::vector<std::shared_ptr<arrow::Field>> fields;
    for (const auto& found : reader->schema()->fields()) {
      const auto known = types_->GetFieldByName(found->name());
      fields.push_back(known == nullptr ? found : known);
    }
    read.schema = arrow::schema(std::move(fields));
    if (read.schema->Equals(*reader->schema())) return reader;
    return format::OpenFile(file, read);
  }

  Status LoadFile(const std::string& file, double bytes) {
    ARROW_ASSIGN_OR_RAISE(const auto reader, Open(file));
    if (types_ == nullptr) types_ = reader->schema();
    if (types_->num_fields() == 0) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   file + " has no rows to tell the table's columns; name them with --schema");
    }
    // A file whose rows cannot be read makes no table.
    ARROW_ASSIGN_OR_RAISE(auto rows, reader->Next());
    ARROW_ASSIGN_OR_RAISE(const auto writer, session_->Put(target_.dump(), reader->schema()));
    while (rows != nullptr) {
      ARROW_RETURN_NOT_OK(writer->Write(rows));
      rows_ += rows->num_rows();
      progress_.Update(rows_,
                       (bytes_done_ + reader->Progress() * bytes) / std::max(1.0, bytes_all_));
      ARROW_ASSIGN_OR_RAISE(rows, reader->Next());
    }
    ARROW_ASSIGN_OR_RAISE(const std::string answer, writer->Close());
    commit_ = json::parse(answer, nullptr, false).value("commit", commit_);
    return Status::OK();
  }

  const LoadOptions& options_;
  Session* const session_;
  const SystemClock clock_;
  Progress progress_;
  json target_;
  SchemaPtr types_;
  std::vector<double> bytes_;
  double bytes_all_ = 0;
  double bytes_done_ = 0;
  int64_t rows_ = 0;
  int64_t commit_ = 0;
};

Status RunLoad(const Common& common, const LoadOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto session, OpenSession(common, true));
  json answer;
  std::string words;
  {
    Load load(options, session.get());
    ARROW_RETURN_NOT_OK(load.Run());
    answer = {{"path", options.path},
              {"rows", load.rows()},
              {"commit", load.commit()},
              {"seconds", load.seconds()}};
    words = (options.deletes ? "deleted by " : "loaded ") +
            ProgressText(load.rows(), -1, load.seconds());
  }
  return PrintEither(common, answer,
                     words + (options.deletes ? " from " : " into ") + options.path + '\n');
}

}  // namespace

void AddLoad(CommandLine* line) {
  const auto options = std::make_shared<LoadOptions>();
  CLI::App* load = line->app->add_subcommand("load",
                                             "Put files into a table, which is made if it is "
                                             "absent: Parquet, CSV, TSV, JSON lines, Arrow; "
                                             "also .gz, .zst, .zip");
  load->add_option("PATH", options->path, "The table")->required();
  load->add_option("FILES", options->files, "The files")->required()->check(CLI::ExistingFile);
  options->definition.AddTo(load);
  load->add_flag("--no-header", options->no_header, "Text files have no line of column names");
  load->add_option("--null", options->null_values, "A text that stands for null")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  load->add_flag("--delete", options->deletes, "Delete the rows that have the keys in the files");
  load->callback(
      [line, options] { line->run = [line, options] { return RunLoad(line->common, *options); }; });
}

}  // namespace firth::cli
