// What keyed tables cost without a network: rows filled in, upserted and looked up through a
// Database in this process, on files below a folder. bench/keys.py runs it beside RocksDB's own
// db_bench; by itself it prints one JSON object a phase.
//
//   firth_bench_key_engine [--folder F] [--keys N] [--ops N] [--value-bytes N] [--batch N]
//                          [--in-flight N] [--memory-bytes N] [--zipf THETA] [--scattered 1]
//                          [--settle 1] [--phases NAME,...]
//
// Keys are drawn evenly, or by Zipf with --zipf THETA. Half of a value's bytes compress away, as in
// db_bench, or --compressible PERCENT of them. Every upsert is in the log and the changelog,
// synced, before it counts. With --scattered 1 the fill has no order; with --settle 1 a phase
// counts with the background work that it leaves.
// --phases names those that are run.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/random.h"
#include "firth/schema/row.h"
#include "firth/store/file_system.h"
#include "firth/table/database.h"
#include "measure.h"
#include "zipf.h"

namespace {

using namespace firth::bench;  // NOLINT
using namespace firth;         // NOLINT

constexpr int32_t kBuckets = 4;

void Need(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Counts what is under way.
class Window {
 public:
  explicit Window(int most) : free_(most), most_(most) {}
  void Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return free_ > 0; });
    --free_;
  }
  void Give() {
    std::lock_guard lock(mutex_);
    ++free_;
    changed_.notify_all();
  }
  void WaitForAll() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return free_ == most_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int free_;
  const int most_;
};

/// Rows of `k BIGINT NOT NULL, v STRING`, as producers of keyed tables send them.
class Rows {
 public:
  Rows(size_t value_bytes, size_t compressible_percent)
      : value_bytes_(value_bytes), random_bytes_(value_bytes * (100 - compressible_percent) / 100) {
    std::mt19937_64 random(1);
    for (char& c : pool_) c = static_cast<char>('!' + random() % 90);
  }
  static std::string Key(int64_t k) {
    std::string key;
    AppendVarint(&key, static_cast<uint64_t>(k));
    return key;
  }
  static int32_t BucketOf(int64_t k) { return schema::BucketOf(Key(k), kBuckets); }
  /// Where the key ends and the row begins.
  size_t Append(int64_t k, uint64_t salt, std::string* out) const {
    const std::string key = Key(k);
    *out += key;
    const size_t at = out->size();
    *out += '\0';  // no nulls
    *out += key;
    AppendVarint(out, value_bytes_);
    out->append(pool_, salt % (pool_.size() - random_bytes_), random_bytes_);
    out->append(value_bytes_ - random_bytes_, 'x');
    return at;
  }

 private:
  const size_t value_bytes_;
  const size_t random_bytes_;
  std::string pool_ = std::string(1 << 20, '\0');
};

class Bench {
 public:
  explicit Bench(const std::map<std::string, std::string>& given) : given_(given) {
    folder_ = Text("folder", "/tmp/firth-bench-keys");
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    files_ = *store::OpenLocalFileSystem(folder_);
    table::DatabaseOptions options;
    options.files = files_.get();
    options.clock = &clock_;
    options.random = &random_;
    options.writer = &writer_;
    options.readers = &readers_;
    options.local_folder = folder_;
    options.key_view_folder = folder_ + "/keyview";
    options.key_memory_bytes = static_cast<uint64_t>(Int("memory-bytes", 160 << 20));
    auto opened = table::Database::Open(std::move(options));
    Need(opened.status());
    db_ = std::move(*opened);
    auto table =
        db_->CreateTable(access::Internal(), Path{{"bench", "keyed"}},
                         {.schema = arrow::schema({arrow::field("k", arrow::int64(), false),
                                                   arrow::field("v", arrow::utf8())}),
                          .edition = {.key = {"k"},
                                      .bucket_by = {"k"},
                                      .bucket_count = kBuckets,
                                      .merge = catalog::MergeRule::kLastWrite}});
    Need(table.status());
    table_ = *table;
    partition_ = (*db_->ListPartitions(access::Internal(), *table_)).front().id;
    for (int32_t b = 0; b < kBuckets; ++b) {
      lookup_.push_back(*db_->FindBucket(table_, {.partition = partition_, .bucket = b}));
    }
  }
  ~Bench() {
    Need(db_->Close());
    db_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string Text(const std::string& name, const std::string& fallback) const {
    const auto found = given_.find(name);
    return found == given_.end() ? fallback : found->second;
  }
  int64_t Int(const std::string& name, int64_t fallback) const {
    return std::atoll(Text(name, std::to_string(fallback)).c_str());
  }

  int64_t Draw() {
    return static_cast<int64_t>(Mix(zipf_.Draw(mix_())) % static_cast<uint64_t>(keys_));
  }

  /// Upsert `count` keys that `next` gives, in batches of one bucket each.
  template <typename Next>
  void Upsert(int64_t count, const Next& next) {
    const auto batch_rows = static_cast<size_t>(Int("batch", 500));
    struct Open {
      std::string bytes;
      std::vector<std::pair<size_t, size_t>> records;  // where key and row begin
    };
    std::vector<Open> open(kBuckets);
    Window window(static_cast<int>(Int("in-flight", 8)));
    const auto send = [&](int32_t bucket) {
      Open& full = open[static_cast<size_t>(bucket)];
      if (full.records.empty()) return;
      auto owner = arrow::Buffer::FromString(std::move(full.bytes));
      const std::string_view bytes(*owner);
      table::UpsertBatch batch{.schema_id = SchemaId(1)};
      for (size_t i = 0; i < full.records.size(); ++i) {
        const auto [key, row] = full.records[i];
        const size_t end = i + 1 < full.records.size() ? full.records[i + 1].first : bytes.size();
        batch.records.push_back(
            {.key = bytes.substr(key, row - key), .row = bytes.substr(row, end - row)});
      }
      batch.owner = std::move(owner);
      full = Open();
      window.Take();
      db_->UpsertBatch(access::Internal(), table_, {.partition = partition_, .bucket = bucket},
                       std::move(batch), [&](const Result<table::AppendResult>& made) {
                         Need(made.status());
                         window.Give();
                       });
    };
    for (int64_t i = 0; i < count; ++i) {
      const int64_t k = next(i);
      const int32_t bucket = Rows::BucketOf(k);
      Open& one = open[static_cast<size_t>(bucket)];
      const size_t key = one.bytes.size();
      const size_t row = rows_.Append(k, mix_(), &one.bytes);
      one.records.emplace_back(key, row);
      if (one.records.size() == batch_rows) send(bucket);
    }
    for (int32_t b = 0; b < kBuckets; ++b) send(b);
    window.WaitForAll();
  }

  /// Look `count` keys up, `at_once` of a bucket in one call.
  void LookUp(int64_t count, size_t at_once) {
    std::vector<std::vector<std::string>> wanted(kBuckets);
    Window window(static_cast<int>(Int("in-flight", 8)));
    std::atomic<int64_t> missing{0};
    for (int64_t i = 0; i < count; ++i) {
      const int64_t k = Draw();
      const auto bucket = static_cast<size_t>(Rows::BucketOf(k));
      wanted[bucket].push_back(Rows::Key(k));
      if (wanted[bucket].size() < at_once) continue;
      window.Take();
      db_->FindRows(access::Internal(), lookup_[bucket],
                    {wanted[bucket].begin(), wanted[bucket].end()},
                    [&](const Result<table::FoundRows>& found) {
                      Need(found.status());
                      for (const auto& row : *found) missing += row == nullptr;
                      window.Give();
                    });
      wanted[bucket].clear();
    }
    window.WaitForAll();
    if (missing > 0) Need(Status::UnknownError("keys were not found"));
  }

  /// Wait until the process has done what it left for later.
  static void Settle() {
    constexpr double kIdleShare = 0.02;  // of a core
    constexpr int kSecondsMax = 120;
    for (int i = 0; i < kSecondsMax; ++i) {
      const double before = CpuSeconds();
      std::this_thread::sleep_for(std::chrono::seconds(1));
      if (CpuSeconds() - before < kIdleShare) return;
    }
  }

  template <typename Run>
  void Phase(const std::string& name, int64_t ops, const Run& run) {
    const std::string wanted = "," + Text("phases", name) + ",";
    if (wanted.find("," + name + ",") == std::string::npos) return;
    const double cpu = CpuSeconds();
    const double wall = WallSeconds();
    const uint64_t syncs = db_->LogMetrics().syncs;
    const int64_t written = WrittenBytes();
    run();
    const double took = WallSeconds() - wall;
    const double during = CpuSeconds() - cpu;
    if (Int("settle", 0) != 0) Settle();
    std::printf(
        "{\"phase\": \"%s\", \"ops\": %lld, \"wall_s\": %.3f, \"cpu_s\": %.3f, "
        "\"cpu_s_during\": %.3f, \"syncs\": %llu, \"written_mb\": %.0f, \"rss_mb\": %.0f}\n",
        name.c_str(), static_cast<long long>(ops), took, CpuSeconds() - cpu, during,
        static_cast<unsigned long long>(db_->LogMetrics().syncs - syncs),
        static_cast<double>(WrittenBytes() - written) / 1e6,
        static_cast<double>(ResidentBytes()) / 1e6);
    std::fflush(stdout);
  }

  void Run() {
    const int64_t ops = Int("ops", 1'000'000);
    const bool scattered = Int("scattered", 0) != 0;
    Phase("fill", keys_, [&] {
      // A step that shares no factor with the count comes by every key once.
      constexpr uint64_t kStep = 2654435761;
      const auto count = static_cast<uint64_t>(keys_);
      Upsert(keys_, [&](int64_t i) {
        const auto n = static_cast<uint64_t>(i);
        return static_cast<int64_t>(scattered ? n * kStep % count : n);
      });
    });
    Phase("upsert", ops, [&] { Upsert(ops, [&](int64_t) { return Draw(); }); });
    Phase("lookup", ops, [&] { LookUp(ops, 1); });
    Phase("lookup of 100", ops, [&] { LookUp(ops, 100); });
  }

 private:
  const std::map<std::string, std::string> given_;
  std::string folder_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<store::FileSystem> files_;
  ThreadPool writer_{"writer", 1, &clock_};
  ThreadPool readers_{"reader", 2, &clock_};
  std::unique_ptr<table::Database> db_;
  table::TablePtr table_;
  PartitionId partition_{0};
  std::vector<table::LookupBucket> lookup_;
  Rows rows_{static_cast<size_t>(Int("value-bytes", 200)),
             static_cast<size_t>(Int("compressible", 50))};
  std::mt19937_64 mix_{7};
  const int64_t keys_ = Int("keys", 1'000'000);
  const Zipf zipf_{static_cast<uint64_t>(keys_), std::atof(Text("zipf", "0").c_str())};
};

}  // namespace

int main(int count, char** words) {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < count; i += 2) given[std::string(words[i]).substr(2)] = words[i + 1];
  Bench(given).Run();
}
