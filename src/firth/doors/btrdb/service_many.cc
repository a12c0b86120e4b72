// Reads of several streams at once: joined values, and text for spreadsheets.
#include <charconv>
#include <cmath>
#include <ctime>

#include "firth/doors/btrdb/call.h"
#include "firth/doors/btrdb/join.h"
#include "firth/doors/btrdb/payload.h"
#include "firth/doors/btrdb/reads.h"
#include "firth/doors/btrdb/service.h"

namespace firth::doors::btrdb {
namespace {

/// Streams of one call: each costs memory for what is read ahead.
constexpr int kStreamsMax = 10'000;
/// Cells of one message; below the 4 MiB that old clients take.
constexpr size_t kCellsAMessage = 100'000;

std::optional<Refusal> CheckStreams(int count) {
  if (count >= 1 && count <= kStreamsMax) return std::nullopt;
  return Refusal{kWrongArguments, "a call names 1 to " + std::to_string(kStreamsMax) +
                                      " streams, not " + std::to_string(count)};
}

void AppendNumber(double value, std::string* text) {
  char digits[32];
  text->assign(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

/// `YYYY-MM-DDTHH:MM:SSZ`, of the whole second.
std::string HumanTime(int64_t time_ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  const std::time_t second = time_ns / kSecond - (time_ns % kSecond < 0 ? 1 : 0);
  std::tm parts{};
  gmtime_r(&second, &parts);
  char text[40];
  const size_t bytes = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, bytes};
}

using CsvWriter = grpc::ServerWriter<v5api::GenerateCSVResponse>;

void BeginRow(int64_t time, v5api::GenerateCSVResponse* row) {
  row->Clear();
  row->add_row(std::to_string(time));
  row->add_row(HumanTime(time));
}

grpc::Status WriteRawRows(grpc::ServerContext* context, const std::vector<table::Snapshot>& streams,
                          int64_t start, int64_t end, CsvWriter* writer) {
  auto join = JoinCursor::Open(streams, start, end, 0);
  if (!join.ok()) return RefuseStream(join.status(), writer);
  JoinedBatch batch;
  v5api::GenerateCSVResponse row;
  do {
    const size_t rows = std::max<size_t>(1, kCellsAMessage / streams.size());
    if (Status next = (*join)->Next(rows, &batch); !next.ok()) return RefuseStream(next, writer);
    for (size_t i = 0; i < batch.size(); ++i) {
      BeginRow(batch.times[i], &row);
      for (const auto& column : batch.columns) {
        auto* cell = row.add_row();
        if (!std::isnan(column[i])) AppendNumber(column[i], cell);
      }
      if (!writer->Write(row)) return grpc::Status::CANCELLED;
    }
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
  } while (batch.size() > 0);
  return grpc::Status::OK;
}

/// The windows of one stream, one by one.
class WindowLane {
 public:
  WindowLane(std::unique_ptr<timeview::WindowCursor> cursor, size_t ahead)
      : cursor_(std::move(cursor)), ahead_(ahead) {}

  Status Advance() {
    if (++at_ < batch_.size()) return Status::OK();
    at_ = 0;
    return cursor_->Next(ahead_, &batch_);
  }
  bool ended() const { return batch_.size() == 0; }
  int64_t time() const { return batch_.starts[at_]; }
  /// Four cells; empty ones for a window without points.
  void Write(bool present, v5api::GenerateCSVResponse* row) const {
    if (!present || batch_.count[at_] == 0) {
      for (int i = 0; i < 4; ++i) row->add_row();
      return;
    }
    AppendNumber(batch_.min[at_], row->add_row());
    AppendNumber(batch_.mean[at_], row->add_row());
    AppendNumber(batch_.max[at_], row->add_row());
    row->add_row(std::to_string(batch_.count[at_]));
  }

 private:
  std::unique_ptr<timeview::WindowCursor> cursor_;
  size_t ahead_;
  timeview::WindowBatch batch_;
  size_t at_ = 0;
};

grpc::Status WriteWindowRows(grpc::ServerContext* context, std::vector<WindowLane> lanes,
                             CsvWriter* writer) {
  for (auto& lane : lanes) {
    if (Status next = lane.Advance(); !next.ok()) return RefuseStream(next, writer);
  }
  v5api::GenerateCSVResponse row;
  while (!context->IsCancelled()) {
    std::optional<int64_t> time;
    for (const auto& lane : lanes) {
      if (!lane.ended() && (!time || lane.time() < *time)) time = lane.time();
    }
    if (!time.has_value()) return grpc::Status::OK;
    BeginRow(*time, &row);
    for (auto& lane : lanes) {
      const bool present = !lane.ended() && lane.time() == *time;
      lane.Write(present, &row);
      if (!present) continue;
      if (Status next = lane.Advance(); !next.ok()) return RefuseStream(next, writer);
    }
    if (!writer->Write(row)) return grpc::Status::CANCELLED;
  }
  return grpc::Status::CANCELLED;
}

std::optional<Refusal> CheckCsv(const v5api::GenerateCSVParams& request) {
  switch (request.querytype()) {
    case v5api::GenerateCSVParams::ALIGNED_WINDOWS_QUERY:
      return CheckAligned(request.starttime(), request.endtime(), request.depth());
    case v5api::GenerateCSVParams::WINDOWS_QUERY:
      return CheckWindows(request.starttime(), request.endtime(), request.windowsize(),
                          request.depth());
    case v5api::GenerateCSVParams::RAW_QUERY:
      return CheckTimes(request.starttime(), request.endtime());
    default:
      return Refusal{kWrongArguments, "the query type is 0 to 2"};
  }
}

v5api::GenerateCSVResponse Header(const v5api::GenerateCSVParams& request,
                                  const std::vector<table::Snapshot>& streams) {
  v5api::GenerateCSVResponse header;
  header.set_isheader(true);
  header.add_row("Timestamp (ns)");
  header.add_row("Human-Readable Time (UTC)");
  for (int i = 0; i < request.streams_size(); ++i) {
    std::string label = request.streams(i).label();
    if (request.includeversions()) {
      label += ", ver. " + std::to_string(streams[static_cast<size_t>(i)].revision());
    }
    if (request.querytype() == v5api::GenerateCSVParams::RAW_QUERY) {
      header.add_row(label);
      continue;
    }
    for (const char* part : {" (Min)", " (Mean)", " (Max)", " (Count)"}) {
      header.add_row(label + part);
    }
  }
  return header;
}

}  // namespace

grpc::Status Service::ArrowMultiValues(Context* context,
                                       const v5api::ArrowMultiValuesParams* request,
                                       Writer<v5api::ArrowMultiValuesResponse>* writer) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  if (auto refused = CheckStreams(request->uuid_size())) return RefuseStream(*refused, writer);
  if (request->uuid_size() != request->versionmajor_size()) {
    return RefuseStream(Refusal{kWrongArguments, "there must be one version for each uuid"},
                        writer);
  }
  if (request->snapperiodns() < 0) {
    return RefuseStream(Refusal{kWrongArguments, "the snap period is not negative"}, writer);
  }
  std::vector<table::SeriesId> ids(static_cast<size_t>(request->uuid_size()));
  for (int i = 0; i < request->uuid_size(); ++i) {
    auto refused = ReadId(request->uuid(i), &ids[static_cast<size_t>(i)]);
    if (refused) return RefuseStream(*refused, writer);
  }
  const auto schema = ParseTemplate(request->templatebytes(), JoinedSchema(ids));
  if (!schema.ok()) return RefuseStream(schema.status(), writer);
  std::vector<table::Snapshot> streams;
  for (size_t i = 0; i < ids.size(); ++i) {
    auto pinned = database_->series()->Pin(caller, ids[i],
                                           RevisionOf(request->versionmajor(static_cast<int>(i))));
    if (!pinned.ok()) return RefuseStream(pinned.status(), writer);
    streams.push_back(std::move(*pinned));
  }
  if (auto refused = CheckTimes(request->start(), request->end())) {
    return RefuseStream(*refused, writer);
  }
  auto join = JoinCursor::Open(streams, request->start(), request->end(), request->snapperiodns());
  if (!join.ok()) return RefuseStream(join.status(), writer);
  const size_t rows = std::max<size_t>(1, kCellsAMessage / (ids.size() + 1));
  JoinedBatch batch;
  for (bool first = true; !context->IsCancelled(); first = false) {
    if (Status next = (*join)->Next(rows, &batch); !next.ok()) return RefuseStream(next, writer);
    if (batch.size() == 0 && !first) return grpc::Status::OK;
    v5api::ArrowMultiValuesResponse reply;
    auto encoded = EncodeJoined(batch, *schema);
    if (!encoded.ok()) return RefuseStream(encoded.status(), writer);
    reply.set_arrowbytes(std::move(*encoded));
    if (!writer->Write(reply)) return grpc::Status::CANCELLED;
    if (batch.size() == 0) return grpc::Status::OK;
  }
  return grpc::Status::CANCELLED;
}

grpc::Status Service::GenerateCSV(Context* context, const v5api::GenerateCSVParams* request,
                                  Writer<v5api::GenerateCSVResponse>* writer) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  if (auto refused = CheckStreams(request->streams_size())) return RefuseStream(*refused, writer);
  std::vector<table::SeriesId> ids(static_cast<size_t>(request->streams_size()));
  for (int i = 0; i < request->streams_size(); ++i) {
    auto refused = ReadId(request->streams(i).uuid(), &ids[static_cast<size_t>(i)]);
    if (refused) return RefuseStream(*refused, writer);
  }
  std::vector<table::Snapshot> streams;
  for (size_t i = 0; i < ids.size(); ++i) {
    auto pinned = database_->series()->Pin(
        caller, ids[i], RevisionOf(request->streams(static_cast<int>(i)).version()));
    if (!pinned.ok()) return RefuseStream(pinned.status(), writer);
    streams.push_back(std::move(*pinned));
  }
  if (auto refused = CheckCsv(*request)) return RefuseStream(*refused, writer);
  if (!writer->Write(Header(*request, streams))) return grpc::Status::CANCELLED;
  if (request->querytype() == v5api::GenerateCSVParams::RAW_QUERY) {
    return WriteRawRows(context, streams, request->starttime(), request->endtime(), writer);
  }
  std::vector<WindowLane> lanes;
  const bool aligned = request->querytype() == v5api::GenerateCSVParams::ALIGNED_WINDOWS_QUERY;
  const size_t ahead = std::max<size_t>(16, kCellsAMessage / streams.size());
  for (const auto& stream : streams) {
    auto cursor =
        aligned ? stream.AlignedWindows(request->starttime(), request->endtime(),
                                        static_cast<int>(request->depth()))
                : stream.Windows(request->starttime(), request->endtime(), request->windowsize());
    if (!cursor.ok()) return RefuseStream(cursor.status(), writer);
    lanes.emplace_back(std::move(*cursor), ahead);
  }
  return WriteWindowRows(context, std::move(lanes), writer);
}

}  // namespace firth::doors::btrdb
