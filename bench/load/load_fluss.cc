// A load generator for servers that speak the Fluss protocol, this one or another.
//
//   load_fluss --server HOST:PORT --op OP --table D.T [options]     prints one JSON object
//
// OP: create (drops and makes the table), produce, fetch, fill (each key once), upsert, lookup,
// mixed (upserts and lookups of as many rows over the same connections), with --with-lookups
// upserts and lookups at once, each as fast as they can; and sink, which is a server that does
// nothing, to find how fast the generator is. Each connection is a thread of its own that keeps
// --depth requests in flight (of `mixed` --lookup-depth lookups beside them), for --seconds or
// (produce) until --rows are sent; with --rate it sends at fixed times instead, and a latency
// counts from the time at which a request should have gone out.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "firth/common/bytes.h"
#include "fluss_sink.h"
#include "fluss_wire.h"
#include "fluss_work.h"
#include "fluss_worker.h"
#include "measure.h"
#include "measured.h"

namespace firth::bench {
namespace {

void Create(const Options& options) {
  const Target target = Find(options, false);
  Link link(target.coordinator);
  const std::string table = options.Text("table", "bench.t");
  const bool keyed = options.Int("keyed", 0) != 0;
  Message database;
  database.Bytes(1, table.substr(0, table.find('.'))).Int(2, 1);
  link.Call(kCreateDatabase, database.text());
  Message drop;
  drop.Bytes(1, TableName(table).text()).Int(2, 1);
  link.Call(kDropTable, drop.text());
  const std::string buckets = options.Text("buckets", "1");
  std::string json =
      R"({"version":1,"schema":{"version":1,"columns":[{"name":"k","data_type":{"type":"BIGINT")"
      R"(,"nullable":)" +
      std::string(keyed ? "false" : "true") +
      R"(},"id":0},{"name":"v","data_type":{"type":"STRING"},"id":1}])";
  if (keyed) json += R"(,"primary_key":["k"])";
  json += R"(,"highest_field_id":1},"partition_key":[],"bucket_key":[)" +
          std::string(keyed ? R"("k")" : "") + R"(],"bucket_count":)" + buckets +
          R"(,"properties":{"table.replication.factor":"1",)"
          R"("table.log.arrow.compression.type":")" +
          options.Text("compression", "NONE") + R"("},"custom_properties":{}})";
  Message create;
  create.Bytes(1, TableName(table).text()).Bytes(2, json).Int(3, 0);
  link.Call(kCreateTable, create.text());
}

uint64_t KeysOf(const Options& options) {
  return static_cast<uint64_t>(options.Int("keys", 1'000'000));
}

/// Runs with the same --seed draw the same keys.
uint64_t SeedOf(const Options& options, int number) {
  return static_cast<uint64_t>(options.Int("seed", 0)) * 100'000 + static_cast<uint64_t>(number);
}

class Producer : public Requests {
 public:
  using Requests::Requests;

  int32_t Send(Link* link) override {
    if (batches_.empty()) {
      rows_ = static_cast<int>(options_.Int("batch", 1000));
      for (uint64_t i = 0; i < 8; ++i) {
        batches_.emplace_back(rows_, static_cast<int>(options_.Int("row-bytes", 100)),
                              options_.Text("compression", "NONE"),
                              i + 100 * static_cast<uint64_t>(number_));
      }
      writer_ = NewWriter(link);
    }
    const std::string& batch =
        batches_[static_cast<size_t>(sequence_) % batches_.size()].Numbered(writer_, sequence_);
    ++sequence_;
    rows_sent_ += rows_;
    bytes_ = static_cast<int64_t>(batch.size());
    return SendBatch(link, kProduceLog, 4, batch);
  }
  Counted Read(std::string_view answer) override {
    CheckBuckets(answer);
    return {.rows = rows_, .bytes = bytes_};
  }
  bool Done() const override {
    const int64_t rows = options_.Int("rows", 0);
    return rows > 0 && rows_sent_ >= rows / options_.Int("connections", 1);
  }

 private:
  std::vector<LogBatch> batches_;
  int64_t rows_sent_ = 0;
  int rows_ = 0;
  int64_t bytes_ = 0;
  int64_t writer_ = 0;
  int32_t sequence_ = 0;
};

class Upserter : public Requests {
 public:
  /// `zipf`: how keys are drawn; null: each key of the bucket once.
  Upserter(const Options& options, const Target& target, int number, const Zipf* zipf)
      : Requests(options, target, number),
        fill_(zipf == nullptr),
        rows_(static_cast<int>(options.Int("batch", 1000))),
        keys_(zipf, KeysOf(options), target.buckets, bucket_, SeedOf(options, number + 1)),
        batch_(rows_, static_cast<int>(options.Int("row-bytes", 200))) {}

  int32_t Send(Link* link) override {
    if (writer_ < 0) writer_ = NewWriter(link);
    const std::string& batch = batch_.Numbered(&keys_, writer_, sequence_);
    ++sequence_;
    bytes_ = static_cast<int64_t>(batch.size());
    return SendBatch(link, kPutKv, 5, batch);
  }
  Counted Read(std::string_view answer) override {
    CheckBuckets(answer);
    return {.rows = rows_, .bytes = bytes_};
  }
  bool Done() const override {
    return fill_ && static_cast<size_t>(sequence_) * static_cast<size_t>(rows_) >= keys_.size();
  }
  int rows() const override { return rows_; }

 private:
  const bool fill_;
  const int rows_;
  Keys keys_;
  KeyedBatch batch_;
  int64_t bytes_ = 0;
  int64_t writer_ = -1;
  int32_t sequence_ = 0;
};

class Looker : public Requests {
 public:
  Looker(const Options& options, const Target& target, int number, const Zipf& zipf)
      : Requests(options, target, number),
        rows_(static_cast<int>(options.Int("lookup-keys", 1))),
        keys_(&zipf, KeysOf(options), target.buckets, bucket_, SeedOf(options, number + 1000)) {}

  int32_t Send(Link* link) override {
    Message bucket;
    bucket.Int(2, bucket_);
    for (int i = 0; i < rows_; ++i) bucket.Bytes(3, keys_.Next());
    Message asked;
    asked.Int(1, target_.table_id).Bytes(2, bucket.text());
    return link->Send(kLookup, asked.text());
  }
  Counted Read(std::string_view answer) override {
    Counted counted;
    for (Fields fields(answer); fields.Next();) {
      for (Fields bucket(fields.bytes()); bucket.Next();) {
        if (bucket.field() == 3) Fail("a lookup answers code " + std::to_string(bucket.number()));
        if (bucket.field() != 5) continue;
        ++counted.rows;
        counted.bytes += static_cast<int64_t>(bucket.bytes().size());
      }
    }
    if (counted.rows != rows_) Fail("a lookup answers other keys than it was asked for");
    return counted;
  }
  int rows() const override { return rows_; }

 private:
  const int rows_;
  Keys keys_;
};

class Fetcher : public Requests {
 public:
  using Requests::Requests;

  int32_t Send(Link* link) override {
    Message bucket;
    bucket.Int(2, bucket_).Int(3, offset_).Int(4, options_.Int("fetch-bytes", 1 << 20));
    Message table;
    table.Int(1, target_.table_id).Int(2, 0).Bytes(4, bucket.text());
    Message asked;
    asked.Int(1, -1).Int(2, options_.Int("fetch-bytes", 1 << 20)).Bytes(3, table.text());
    asked.Int(4, 500).Int(5, 1);
    return link->Send(kFetchLog, asked.text());
  }
  Counted Read(std::string_view answer) override {
    Counted counted;
    for (Fields fields(answer); fields.Next();) {
      for (Fields table(fields.bytes()); table.Next();) {
        if (table.field() != 2) continue;
        for (Fields bucket(table.bytes()); bucket.Next();) {
          if (bucket.field() == 3) Fail("a fetch answers code " + std::to_string(bucket.number()));
          if (bucket.field() == 5) end_ = bucket.number();
          if (bucket.field() == 8) Walk(bucket.bytes(), &counted);
        }
      }
    }
    if (offset_ >= end_) ended_ = true;
    if (ended_ && options_.Int("again", 0) != 0) {
      offset_ = 0;
      ended_ = false;
    }
    return counted;
  }
  bool Done() const override { return ended_; }

 private:
  void Walk(std::string_view records, Counted* counted) {
    while (records.size() >= 48) {
      const size_t bytes = static_cast<size_t>(LoadLe<int32_t>(records.data() + 8)) + 12;
      if (bytes > records.size()) break;  // a server may cut off the last one: it is asked again
      counted->rows += LoadLe<int32_t>(records.data() + 44);
      counted->bytes += static_cast<int64_t>(bytes);
      offset_ = LoadLe<int64_t>(records.data()) + LoadLe<int32_t>(records.data() + 28) + 1;
      records.remove_prefix(bytes);
    }
  }

  int64_t offset_ = 0;
  int64_t end_ = 0;
  bool ended_ = false;
};

int Run(const Options& options) {
  const std::string op = options.Text("op", "");
  if (op == "sink") ServeSink(static_cast<int>(options.Int("port", 0)));
  if (op == "create") {
    Create(options);
    std::printf("{}\n");
    return 0;
  }
  const Target target = Find(options, true);
  const auto connections = static_cast<int>(options.Int("connections", 1));
  const auto lookers = static_cast<int>(options.Int("with-lookups", 0));
  const Zipf zipf(KeysOf(options), options.Real("zipf", 0.99));
  const auto depth = static_cast<size_t>(options.Int("depth", 1));
  const auto lookup_depth =
      static_cast<size_t>(options.Int("lookup-depth", static_cast<int64_t>(depth)));
  Totals totals;
  Totals looked;
  // Workers are made before the clock starts: a fill's keys take a while.
  Period period;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < connections; ++i) {
    workers.push_back(std::make_unique<Worker>(options, target, &period, i));
    Worker& worker = *workers.back();
    if (op == "produce") {
      worker.Add(std::make_unique<Producer>(options, target, i), depth, &totals);
    } else if (op == "fetch") {
      worker.Add(std::make_unique<Fetcher>(options, target, i), depth, &totals);
    } else if (op == "fill" || op == "upsert" || op == "mixed") {
      worker.Add(std::make_unique<Upserter>(options, target, i, op == "fill" ? nullptr : &zipf),
                 depth, &totals);
    } else if (op != "lookup") {
      Fail("--op is create, produce, fetch, fill, upsert, lookup or mixed");
    }
    if (op == "lookup") {
      worker.Add(std::make_unique<Looker>(options, target, i, zipf), depth, &totals);
    } else if (op == "mixed") {
      worker.Add(std::make_unique<Looker>(options, target, i, zipf), lookup_depth, &looked);
    }
  }
  for (int i = 0; i < lookers; ++i) {
    workers.push_back(std::make_unique<Worker>(options, target, &period, i));
    workers.back()->Add(std::make_unique<Looker>(options, target, i, zipf), depth, &looked);
  }
  const double cpu_before = CpuSeconds();
  const int64_t began = NowNs();
  period.warm_ns = began + static_cast<int64_t>(options.Real("warmup", 0) * 1e9);
  period.end_ns = period.warm_ns + static_cast<int64_t>(options.Real("seconds", 10) * 1e9);
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back([&worker] { worker->Run(); });
  for (std::thread& thread : threads) thread.join();
  const int64_t counted_from = std::max(began, period.warm_ns);
  const double seconds =
      std::max(1e-9, static_cast<double>(std::min(NowNs(), period.end_ns) - counted_from) / 1e9);
  const double cpu_s = CpuSeconds() - cpu_before;
  std::printf("{");
  const bool both = lookers > 0 || op == "mixed";
  Print(both ? "upsert" : op.c_str(), totals, seconds, cpu_s, !both);
  if (both) Print("lookup", looked, seconds, cpu_s, true);
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace firth::bench

int main(int count, char** words) {
  return firth::bench::Run(firth::bench::ParseOptions(count, words));
}
