// A load generator for servers that speak the Fluss protocol, this one or another.
//
//   load_fluss --server HOST:PORT --op OP --table D.T [options]     prints one JSON object
//
// OP: create (drops and makes the table), produce, fetch, fill (each key once), upsert, lookup,
// with
// --with-lookups upserts and lookups at once; and sink, which is a server that does nothing, to
// find how fast the generator is. Each connection is a thread of its own that keeps --depth
// requests in flight, for --seconds or (produce) until --rows are sent; with --rate it sends at
// fixed times instead, and a latency counts from the time at which a request should have gone out.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "firth/common/bytes.h"
#include "fluss_sink.h"
#include "fluss_wire.h"
#include "fluss_work.h"
#include "measure.h"
#include "measured.h"

namespace firth::bench {
namespace {

struct Target {
  Address coordinator;
  Address tablet;
  int64_t table_id = 0;
  int buckets = 1;
};

Message TableName(const std::string& table) {
  const size_t dot = table.find('.');
  Message name;
  name.Bytes(1, table.substr(0, dot)).Bytes(2, table.substr(dot + 1));
  return name;
}

Target Find(const Options& options, bool with_table) {
  const Address address = ParseAddress(options.Text("server", "127.0.0.1:9123"));
  Link link(address);
  Message asked;
  const std::string table = options.Text("table", "bench.t");
  if (with_table) asked.Bytes(1, TableName(table).text());
  const std::string answer = link.Call(kMetadata, asked.text());
  Target target{.coordinator = address, .tablet = address};
  target.buckets = static_cast<int>(options.Int("buckets", 1));
  const auto node = [](std::string_view bytes) {
    Address found;
    for (Fields fields(bytes); fields.Next();) {
      if (fields.field() == 2) found.host = fields.bytes();
      if (fields.field() == 3) found.port = static_cast<int>(fields.number());
    }
    return found;
  };
  for (Fields fields(answer); fields.Next();) {
    if (fields.field() == 1) target.coordinator = node(fields.bytes());
    if (fields.field() == 2) target.tablet = node(fields.bytes());
    if (fields.field() != 3) continue;
    for (Fields entry(fields.bytes()); entry.Next();) {
      if (entry.field() == 2) target.table_id = entry.number();
    }
  }
  return target;
}

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

/// Keys that each of so many connections draws: in some seconds none of them begins again.
size_t DrawnKeys(const Options& options, const std::string& connections) {
  return (size_t{1} << 22) / static_cast<size_t>(options.Int(connections, 1));
}

/// Runs with the same --seed draw the same keys.
uint64_t SeedOf(const Options& options, int number) {
  return static_cast<uint64_t>(options.Int("seed", 0)) * 100'000 + static_cast<uint64_t>(number);
}

/// A bucket's part of an answer that says an error ends the program.
void CheckBuckets(std::string_view answer) {
  for (Fields fields(answer); fields.Next();) {
    if (fields.field() != 1) continue;
    int64_t code = 0;
    std::string text;
    for (Fields bucket(fields.bytes()); bucket.Next();) {
      if (bucket.field() == 3) code = bucket.number();
      if (bucket.field() == 4) text = bucket.bytes();
    }
    if (code != 0) Fail("a bucket answers code " + std::to_string(code) + ": " + text);
  }
}

/// One connection's requests: made, sent in time, and their answers taken.
class Worker {
 public:
  Worker(const Options& options, const Target& target, Totals* totals, const Period* period,
         int number)
      : options_(options),
        target_(target),
        totals_(totals),
        period_(*period),
        number_(number),
        bucket_(number % target.buckets),
        depth_(static_cast<size_t>(options.Int("depth", 1))),
        link_(target.tablet) {}
  virtual ~Worker() = default;

  void Run() {
    const double rate = options_.Real("rate", 0);  // requests a second of this connection
    const int64_t step_ns = rate > 0 ? static_cast<int64_t>(1e9 / rate) : 0;
    int64_t next_ns = NowNs() + (step_ns > 0 ? step_ns * number_ / 7 % step_ns : 0);
    while (true) {
      const int64_t now = NowNs();
      const bool over = now >= period_.end_ns || Done();
      if (over && sent_.empty()) break;
      const bool due = step_ns == 0 || now >= next_ns;
      if (!over && due && sent_.size() < depth_) {
        const int32_t id = Send();
        sent_[id] = step_ns == 0 ? now : next_ns;
        next_ns += step_ns;
        continue;
      }
      std::optional<int64_t> deadline;
      if (!over && step_ns > 0 && sent_.size() < depth_) deadline = next_ns;
      const auto answer = link_.Receive(deadline);
      if (answer.has_value()) Take(*answer);
    }
    std::lock_guard lock(totals_->mutex);
    totals_->latencies.Add(latencies_);
  }

 protected:
  struct Counted {
    int64_t rows = 0;
    int64_t bytes = 0;
  };
  virtual int32_t Send() = 0;
  virtual Counted Read(std::string_view answer) = 0;
  virtual bool Done() const { return false; }

  int64_t NewWriter() {
    Message asked;
    asked.Bytes(1, TableName(options_.Text("table", "bench.t")).text());
    const std::string answer = link_.Call(kInitWriter, asked.text());
    Fields fields(answer);
    if (!fields.Next()) Fail("no writer's number in the answer");
    return fields.number();
  }
  /// acks, table and timeout; the bucket's number and batch in field `field`.
  int32_t SendBatch(Api api, int field, const std::string& batch) {
    Message bucket;
    bucket.Int(2, bucket_).Begin(3, batch.size());
    Message head;
    head.Int(1, -1).Int(2, target_.table_id).Int(3, 30'000);
    head.Begin(field, bucket.text().size() + batch.size());
    head.text() += bucket.text();
    const std::string_view parts[] = {head.text(), batch};
    return link_.Send(api, parts);
  }

  const Options& options_;
  const Target target_;
  Totals* const totals_;
  const Period& period_;  // set before Run
  const int number_;
  const int bucket_;
  const size_t depth_;
  Link link_;

 private:
  void Take(const Answer& answer) {
    const auto sent = sent_.find(answer.id);
    if (sent == sent_.end()) Fail("an answer to nothing that was asked");
    const int64_t began = sent->second;
    sent_.erase(sent);
    const Counted counted = Read(answer.bytes);
    const int64_t now = NowNs();
    if (now < period_.warm_ns || now > period_.end_ns) return;
    totals_->rows += counted.rows;
    totals_->bytes += counted.bytes;
    ++totals_->requests;
    latencies_.Add(now - began);
  }

  std::unordered_map<int32_t, int64_t> sent_;
  Histogram latencies_;
};

class Producer : public Worker {
 public:
  using Worker::Worker;

 protected:
  int32_t Send() override {
    if (batches_.empty()) {
      rows_ = static_cast<int>(options_.Int("batch", 1000));
      for (uint64_t i = 0; i < 8; ++i) {
        batches_.emplace_back(rows_, static_cast<int>(options_.Int("row-bytes", 100)),
                              options_.Text("compression", "NONE"),
                              i + 100 * static_cast<uint64_t>(number_));
      }
      writer_ = NewWriter();
    }
    const std::string& batch =
        batches_[static_cast<size_t>(sequence_) % batches_.size()].Numbered(writer_, sequence_);
    ++sequence_;
    rows_sent_ += rows_;
    bytes_ = static_cast<int64_t>(batch.size());
    return SendBatch(kProduceLog, 4, batch);
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

class Upserter : public Worker {
 public:
  Upserter(const Options& options, const Target& target, Totals* totals, const Period* period,
           int number, const Zipf& zipf, bool fill)
      : Worker(options, target, totals, period, number),
        fill_(fill),
        rows_(static_cast<int>(options.Int("batch", 1000))),
        keys_(zipf, static_cast<uint64_t>(options.Int("keys", 1'000'000)), target.buckets, bucket_,
              SeedOf(options, number + 1), fill ? 0 : DrawnKeys(options, "connections")),
        batch_(rows_, static_cast<int>(options.Int("row-bytes", 200))) {}

 protected:
  int32_t Send() override {
    if (writer_ < 0) writer_ = NewWriter();
    const std::string& batch = batch_.Numbered(&keys_, writer_, sequence_);
    ++sequence_;
    bytes_ = static_cast<int64_t>(batch.size());
    return SendBatch(kPutKv, 5, batch);
  }
  Counted Read(std::string_view answer) override {
    CheckBuckets(answer);
    return {.rows = rows_, .bytes = bytes_};
  }
  bool Done() const override {
    return fill_ && static_cast<size_t>(sequence_) * static_cast<size_t>(rows_) >= keys_.size();
  }

 private:
  const bool fill_;
  const int rows_;
  Keys keys_;
  KeyedBatch batch_;
  int64_t bytes_ = 0;
  int64_t writer_ = -1;
  int32_t sequence_ = 0;
};

class Looker : public Worker {
 public:
  Looker(const Options& options, const Target& target, Totals* totals, const Period* period,
         int number, const Zipf& zipf)
      : Worker(options, target, totals, period, number),
        rows_(static_cast<int>(options.Int("lookup-keys", 1))),
        keys_(zipf, static_cast<uint64_t>(options.Int("keys", 1'000'000)), target.buckets, bucket_,
              SeedOf(options, number + 1000),
              DrawnKeys(options,
                        options.Int("with-lookups", 0) > 0 ? "with-lookups" : "connections")) {}

 protected:
  int32_t Send() override {
    Message bucket;
    bucket.Int(2, bucket_);
    for (int i = 0; i < rows_; ++i) bucket.Bytes(3, keys_.Next());
    Message asked;
    asked.Int(1, target_.table_id).Bytes(2, bucket.text());
    return link_.Send(kLookup, asked.text());
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

 private:
  const int rows_;
  Keys keys_;
};

class Fetcher : public Worker {
 public:
  using Worker::Worker;

 protected:
  int32_t Send() override {
    Message bucket;
    bucket.Int(2, bucket_).Int(3, offset_).Int(4, options_.Int("fetch-bytes", 1 << 20));
    Message table;
    table.Int(1, target_.table_id).Int(2, 0).Bytes(4, bucket.text());
    Message asked;
    asked.Int(1, -1).Int(2, options_.Int("fetch-bytes", 1 << 20)).Bytes(3, table.text());
    asked.Int(4, 500).Int(5, 1);
    return link_.Send(kFetchLog, asked.text());
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
  const Zipf zipf(static_cast<uint64_t>(options.Int("keys", 1'000'000)),
                  options.Real("zipf", 0.99));
  Totals totals;
  Totals looked;
  // Workers are made before the clock starts: keys take a while to draw.
  Period period;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < connections; ++i) {
    if (op == "produce") {
      workers.push_back(std::make_unique<Producer>(options, target, &totals, &period, i));
    } else if (op == "fetch") {
      workers.push_back(std::make_unique<Fetcher>(options, target, &totals, &period, i));
    } else if (op == "fill" || op == "upsert") {
      workers.push_back(
          std::make_unique<Upserter>(options, target, &totals, &period, i, zipf, op == "fill"));
    } else if (op == "lookup") {
      workers.push_back(std::make_unique<Looker>(options, target, &totals, &period, i, zipf));
    } else {
      Fail("--op is create, produce, fetch, fill, upsert or lookup");
    }
  }
  for (int i = 0; i < lookers; ++i) {
    workers.push_back(std::make_unique<Looker>(options, target, &looked, &period, i, zipf));
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
  Print(op.c_str(), totals, seconds, cpu_s, lookers == 0);
  if (lookers > 0) Print("lookup", looked, seconds, cpu_s, true);
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace firth::bench

int main(int count, char** words) {
  return firth::bench::Run(firth::bench::ParseOptions(count, words));
}
