#include "firth/cli/local_session.h"

#include <arrow/compute/initialize.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "firth/access/access.h"
#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/logging.h"
#include "firth/common/random.h"
#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/cursor.h"
#include "firth/doors/flight/row_sink.h"
#include "firth/doors/flight/ticket.h"
#include "firth/table/database.h"
#include "firth/table/key_view_folder.h"

namespace firth::cli {
namespace {

using doors::flight::Cursor;
using doors::flight::PutAnswer;
using doors::flight::PutTarget;
using doors::flight::Request;
using doors::flight::RowReader;
using doors::flight::RowSink;
using doors::flight::RowWriter;
using doors::flight::Session;

class LocalReader : public RowReader {
 public:
  explicit LocalReader(std::unique_ptr<Cursor> cursor) : cursor_(std::move(cursor)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return cursor_->schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override { return cursor_->Next(); }

 private:
  const std::unique_ptr<Cursor> cursor_;
};

class LocalWriter : public RowWriter {
 public:
  explicit LocalWriter(std::unique_ptr<RowSink> sink) : sink_(std::move(sink)) {}

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    ARROW_ASSIGN_OR_RAISE(const auto answers, sink_->Write(rows));
    if (!answers.empty()) last_ = answers.back();
    return Status::OK();
  }

  Result<std::string> Close() override {
    ARROW_ASSIGN_OR_RAISE(const auto answers, sink_->Flush());
    if (!answers.empty()) last_ = answers.back();
    return last_.ToJson();
  }

 private:
  const std::unique_ptr<RowSink> sink_;
  PutAnswer last_;
};

class LocalSession : public Session {
 public:
  LocalSession(std::unique_ptr<store::FileSystem> files, std::string folder)
      : files_(std::move(files)), folder_(std::move(folder)) {}

  Status Open() {
    logging::SetLevel(logging::Level::kWarning);  // the command's own words are enough
    ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
    table::DatabaseOptions options;
    options.files = files_.get();
    options.clock = &clock_;
    options.random = &random_;
    options.writer = &writer_;
    options.readers = &readers_;
    options.local_folder = std::filesystem::absolute(folder_).lexically_normal().string();
    options.key_view_folder = options.local_folder + "/" + table::kKeyViewFolder;
    options.on_fatal = [this](const Status& fault) {
      std::fprintf(stderr, "firth: nothing more can be made durable in %s: %s\n", folder_.c_str(),
                   MessageOf(fault).c_str());
      std::_Exit(1);
    };
    ARROW_ASSIGN_OR_RAISE(database_, table::Database::Open(std::move(options)));
    request_ = {database_.get(), access::Internal()};
    return Status::OK();
  }

  Result<std::string> Act(const std::string& action, const std::string& body) override {
    return doors::flight::RunAction(request_, action, body);
  }

  Result<std::unique_ptr<RowReader>> Get(const std::string& ticket) override {
    ARROW_ASSIGN_OR_RAISE(auto cursor, doors::flight::OpenTicket(request_, ticket));
    if (!cursor->ended()) {
      return Error(Code::kFailedPrecondition, Reason::kNone,
                   "no server holds the folder " + folder_ +
                       ", so no rows can arrive to follow; start one with `firth serve --data " +
                       folder_ + "`");
    }
    return std::make_unique<LocalReader>(std::move(cursor));
  }

  Result<std::unique_ptr<RowWriter>> Put(const std::string& target,
                                         const std::shared_ptr<arrow::Schema>& schema) override {
    ARROW_ASSIGN_OR_RAISE(const auto parsed, PutTarget::FromJson(target));
    ARROW_ASSIGN_OR_RAISE(auto sink, RowSink::Open(request_, parsed, *schema));
    return std::make_unique<LocalWriter>(std::move(sink));
  }

 private:
  const std::unique_ptr<store::FileSystem> files_;
  const std::string folder_;
  SystemClock clock_;
  SystemRandom random_;
  ThreadPool writer_{"writer", 1, &clock_};
  ThreadPool readers_{"reader", 2, &clock_};
  std::unique_ptr<table::Database> database_;  // goes before what it works with
  Request request_;
};

}  // namespace

Result<std::unique_ptr<Session>> OpenLocalSession(std::unique_ptr<store::FileSystem> files,
                                                  const std::string& folder) {
  auto session = std::make_unique<LocalSession>(std::move(files), folder);
  ARROW_RETURN_NOT_OK(session->Open());
  return session;
}

}  // namespace firth::cli
