// A load generator for servers of the BTrDB interface, version 5, over gRPC.
//
//   load_btrdb --server HOST:PORT --op OP [options]     prints one JSON object
//
// OP: create (makes the --streams), insert (ArrowInsert, --batch points a request, until each
// stream has --points), raw (ArrowRawValues of a whole stream), windows (--windows of a --span,
// from random places), aligned (the same, of powers of two), nearest; and sink, which is a server
// that does nothing, to find how fast the generator is. Each of --connections is a thread with a
// channel of its own and one request on its way; connection i works on stream i modulo --streams.
// Reads stop after --requests of a connection, or after --seconds; with --again 1 each is made
// twice and the second one counts; --seed draws other places. Points are 120 a second, float32 in
// doubles.
#include <arrow/array.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "btrdb.grpc.pb.h"
#include "btrdb_points.h"
#include "btrdb_sink.h"
#include "measure.h"
#include "measured.h"

namespace firth::bench {
namespace {

using Stub = v5api::BTrDB::Stub;

/// The bytes of a stream's uuid.
std::string StreamId(int number) {
  std::string id = "firth-bench-";
  id.append(reinterpret_cast<const char*>(&number), sizeof number);
  return id;
}

template <typename Reply>
void Check(const grpc::Status& status, const Reply& reply) {
  if (!status.ok()) Fail("a call ended with " + status.error_message());
  if (reply.has_stat()) {
    Fail("the server answers " + std::to_string(reply.stat().code()) + ": " + reply.stat().msg());
  }
}

/// Rows of a message, which is read as a client reads it: its columns are found, not copied.
int64_t RowsOf(const std::string& bytes) {
  const auto reader =
      arrow::ipc::RecordBatchStreamReader::Open(std::make_shared<arrow::io::BufferReader>(
          std::make_shared<arrow::Buffer>(std::string_view(bytes))));
  if (!reader.ok()) Fail(reader.status().ToString());
  int64_t rows = 0;
  while (true) {
    const auto batch = (*reader)->Next();
    if (!batch.ok()) Fail(batch.status().ToString());
    if (*batch == nullptr) return rows;
    rows += (*batch)->num_rows();
  }
}

/// What all connections know.
struct Plan {
  explicit Plan(const Options& options)
      : op(options.Text("op", "")),
        server(options.Text("server", "127.0.0.1:4410")),
        connections(static_cast<int>(options.Int("connections", 1))),
        streams(static_cast<int>(options.Int("streams", 1))),
        first_stream(options.Int("first-stream", 0)),
        points(options.Int("points", 1'000'000)),
        batch(options.Int("batch", 50'000)),
        windows(options.Int("windows", 1'000)),
        span(options.Int("span", PointTime(points) - PointTime(0))),
        requests(options.Int("requests", INT64_MAX)),
        again(options.Int("again", 0) != 0),
        seed(static_cast<uint64_t>(options.Int("seed", 1))),
        end_ns(NowNs() + static_cast<int64_t>(options.Real("seconds", 1e9) * 1e9)),
        next_batch(static_cast<size_t>(streams)) {}

  const std::string op;
  const std::string server;
  const int connections;
  const int streams;
  const int64_t first_stream;
  const int64_t points;
  const int64_t batch;
  const int64_t windows;
  const int64_t span;
  const int64_t requests;
  const bool again;
  const uint64_t seed;
  const int64_t end_ns;
  std::vector<std::atomic<int64_t>> next_batch;  // of each stream
};

class Worker {
 public:
  Worker(Plan* plan, Totals* totals, int number)
      : plan_(*plan),
        totals_(totals),
        stream_(static_cast<size_t>(number % plan->streams)),
        id_(StreamId(static_cast<int>(plan->first_stream) + number % plan->streams)),
        random_(static_cast<uint64_t>(number) + 1000 * plan->seed) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v5api::BTrDB::NewStub(
        grpc::CreateCustomChannel(plan->server, grpc::InsecureChannelCredentials(), arguments));
    if (plan->op == "insert") {
      work_ = [this] { return Insert(); };
      batches_ = std::make_unique<PointBatches>(plan->batch, static_cast<uint64_t>(number));
      insert_.set_uuid(id_);
      insert_.set_sync(true);
    } else if (plan->op == "raw") {
      work_ = [this] { return Raw(); };
    } else if (plan->op == "windows") {
      work_ = [this] { return Windows(); };
    } else if (plan->op == "aligned") {
      work_ = [this] { return Aligned(); };
    } else if (plan->op == "nearest") {
      work_ = [this] { return Nearest(); };
    } else {
      Fail("--op is create, insert, raw, windows, aligned, nearest or sink");
    }
    // The first call makes the connection, which is nobody's latency.
    grpc::ClientContext context;
    v5api::InfoResponse reply;
    Check(stub_->Info(&context, {}, &reply), reply);
  }

  void Run() {
    Histogram latencies;
    for (int64_t i = 0; i < plan_.requests && NowNs() < plan_.end_ns; ++i) {
      if (plan_.again) {
        const std::mt19937_64 place = random_;
        work_();
        random_ = place;
      }
      const int64_t began = NowNs();
      const int64_t rows = work_();
      if (rows < 0) break;
      latencies.Add(NowNs() - began);
      totals_->rows += rows;
      ++totals_->requests;
    }
    std::lock_guard lock(totals_->mutex);
    totals_->latencies.Add(latencies);
  }

 private:
  /// -1 when all is in.
  int64_t Insert() {
    const int64_t number = plan_.next_batch[stream_]++;
    if (number * plan_.batch >= plan_.points) return -1;
    // The message keeps its memory from one request to the next.
    batches_->Next(number * plan_.batch, insert_.mutable_arrowbytes());
    grpc::ClientContext context;
    v5api::InsertResponse reply;
    Check(stub_->ArrowInsert(&context, insert_, &reply), reply);
    totals_->bytes += static_cast<int64_t>(insert_.arrowbytes().size());
    return plan_.batch;
  }

  template <typename Reply>
  int64_t ReadAll(std::unique_ptr<grpc::ClientReader<Reply>> reader) {
    Reply reply;
    int64_t rows = 0;
    while (reader->Read(&reply)) {
      Check(grpc::Status::OK, reply);
      rows += RowsOf(reply.arrowbytes());
      totals_->bytes += static_cast<int64_t>(reply.arrowbytes().size());
    }
    Check(reader->Finish(), Reply());
    return rows;
  }

  int64_t Raw() {
    v5api::ArrowRawValuesParams asked;
    asked.set_uuid(id_);
    asked.set_start(PointTime(0));
    asked.set_end(PointTime(plan_.points));
    grpc::ClientContext context;
    const int64_t rows = ReadAll(stub_->ArrowRawValues(&context, asked));
    if (rows != plan_.points) Fail("a stream has " + std::to_string(rows) + " points");
    return rows;
  }

  /// A time from which a span is within the points.
  int64_t Place(int64_t span) {
    const int64_t room = PointTime(plan_.points) - PointTime(0) - span;
    return PointTime(0) +
           (room <= 0 ? 0 : static_cast<int64_t>(random_() % static_cast<uint64_t>(room)));
  }

  int64_t Windows() {
    v5api::WindowsParams asked;
    asked.set_uuid(id_);
    asked.set_start(Place(plan_.span));
    asked.set_end(asked.start() + plan_.span);
    asked.set_width(static_cast<uint64_t>(plan_.span / plan_.windows));
    grpc::ClientContext context;
    const int64_t rows = ReadAll(stub_->ArrowWindows(&context, asked));
    if (rows < plan_.windows) Fail("there are " + std::to_string(rows) + " windows");
    return rows;
  }

  int64_t Aligned() {
    v5api::AlignedWindowsParams asked;
    asked.set_uuid(id_);
    asked.set_start(Place(plan_.span));
    asked.set_end(asked.start() + plan_.span);
    asked.set_pointwidth(static_cast<uint32_t>(
        std::bit_width(static_cast<uint64_t>(plan_.span / plan_.windows)) - 1));
    grpc::ClientContext context;
    return ReadAll(stub_->ArrowAlignedWindows(&context, asked));
  }

  int64_t Nearest() {
    v5api::NearestParams asked;
    asked.set_uuid(id_);
    asked.set_time(Place(1));
    asked.set_backward(random_() % 2 == 0);
    grpc::ClientContext context;
    v5api::NearestResponse reply;
    Check(stub_->Nearest(&context, asked, &reply), reply);
    return 1;
  }

  Plan& plan_;
  Totals* const totals_;
  const size_t stream_;
  const std::string id_;
  std::mt19937_64 random_;
  std::unique_ptr<Stub> stub_;
  std::function<int64_t()> work_;
  std::unique_ptr<PointBatches> batches_;  // of inserts
  v5api::ArrowInsertParams insert_;
};

int Create(const Plan& plan) {
  const auto stub =
      v5api::BTrDB::NewStub(grpc::CreateChannel(plan.server, grpc::InsecureChannelCredentials()));
  for (int i = 0; i < plan.streams; ++i) {
    v5api::CreateParams asked;
    asked.set_uuid(StreamId(i));
    asked.set_collection("bench/load");
    auto* name = asked.add_tags();
    name->set_key("name");
    name->mutable_val()->set_value("stream " + std::to_string(i));
    grpc::ClientContext context;
    v5api::CreateResponse reply;
    Check(stub->Create(&context, asked, &reply), reply);
  }
  std::printf("{}\n");
  return 0;
}

int Run(const Options& options) {
  Plan plan(options);
  if (plan.op == "sink") {
    ServeBtrdbSink(static_cast<int>(options.Int("port", 0)), plan.points, plan.batch, plan.windows);
  }
  if (plan.op == "create") return Create(plan);
  Totals totals;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < plan.connections; ++i) {
    workers.push_back(std::make_unique<Worker>(&plan, &totals, i));
  }
  const double cpu_before = CpuSeconds();
  const int64_t began = NowNs();
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back([&worker] { worker->Run(); });
  for (std::thread& thread : threads) thread.join();
  const double seconds = static_cast<double>(NowNs() - began) / 1e9;
  std::printf("{");
  Print(plan.op.c_str(), totals, seconds, CpuSeconds() - cpu_before, true);
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace firth::bench

int main(int count, char** words) {
  return firth::bench::Run(firth::bench::ParseOptions(count, words));
}
