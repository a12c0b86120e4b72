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
#include "firth/doors/flight/running_queries.h"
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
  static Result<std::unique_ptr<LocalWriter>> Open(const Request& request, const PutTarget& target,
                                                   const arrow::Schema& schema) {
    auto writer = std::unique_ptr<LocalWriter>(new LocalWriter());
    ARROW_ASSIGN_OR_RAISE(
        writer->sink_,
        RowSink::Open(request, target, schema,
                      [last = &writer->last_](const PutAnswer& answer) { *last = answer; }));
    return writer;
  }

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    return sink_->Write(rows);
  }

  Result<std::string> Close() override {
    ARROW_RETURN_NOT_OK(sink_->Flush());
    return last_.ToJson();
  }

 private:
  LocalWriter() = default;

  PutAnswer last_;
  std::unique_ptr<RowSink> sink_;  // answers until it is gone
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
    request_ = {database_.get(), access::Internal(), &queries_};
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
    return LocalWriter::Open(request_, parsed, *schema);
  }

 private:
  const std::unique_ptr<store::FileSystem> files_;
  const std::string folder_;
  SystemClock clock_;
  SystemRandom random_;
  ThreadPool writer_{"writer", 1, &clock_};
  ThreadPool readers_{"reader", 2, &clock_};
  std::unique_ptr<table::Database> database_;  // goes before what it works with
  doors::flight::RunningQueries queries_;
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
