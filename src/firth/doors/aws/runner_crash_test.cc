// Goal: wherever the power goes between a queue's message, its job and its result, what was
// acknowledged happens, once: rows of a job are in the table once, a query has one answer and the
// tracker's word, messages of an answer are there once, a hidden message stays hidden and comes
// back unless it was finished; and after collection no bytes lie in the store that no object names.
// Method: one life of jobs, queries and a user's queue on a disk in memory, cut at each of its
// syncs, renames, removals and new names in turn; then a second life on what is left.
#include "firth/doors/aws/runner.h"

#include <arrow/io/memory.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "firth/doors/aws/trackers.h"
#include "firth/format/reader.h"
#include "firth/table/table_testing.h"

namespace firth::doors::aws {
namespace {

constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;
constexpr char kInstance[] = "farm";
constexpr char kOwnQueue[] = "own";
constexpr int64_t kRowsAJob = 3;
const Path kTable{{kInstance, "t"}};

std::string JobFile(int64_t job) {
  arrow::Int64Builder k;
  for (int64_t i = 0; i < kRowsAJob; ++i) EXPECT_TRUE(k.Append(job * 100 + i).ok());
  const auto schema = arrow::schema({arrow::field("k", arrow::int64(), false)});
  const auto rows = arrow::RecordBatch::Make(schema, kRowsAJob, {*k.Finish()});
  const auto sink = *arrow::io::BufferOutputStream::Create();
  const auto writer = *format::MakeWriter(format::FileFormat::kParquet, sink, schema);
  EXPECT_TRUE(writer->Write(*rows).ok());
  EXPECT_TRUE(writer->Close().ok());
  return (*sink->Finish())->ToString();
}

/// The door without its sockets.
class World {
 public:
  World() { base_.anonymous_role = "admin"; }

  Status Open() {
    ARROW_RETURN_NOT_OK(base_.Open());
    catalog::Catalog* catalog = base_.db->catalog();
    ARROW_ASSIGN_OR_RAISE(objects, work::Objects::Open({.catalog = catalog,
                                                        .files = base_.db->files(),
                                                        .clock = &base_.clock,
                                                        .random = &base_.random}));
    ARROW_ASSIGN_OR_RAISE(queues, work::Queues::Open({.catalog = catalog,
                                                      .clock = &base_.clock,
                                                      .random = &base_.random,
                                                      .executor = &base_.executor}));
    ARROW_ASSIGN_OR_RAISE(auto made, Instances::Make({.ids = {kInstance}}));
    instances = std::make_unique<Instances>(std::move(made));
    for (const std::string& bucket : instances->BucketNames()) {
      if (!objects->GetContainer(bucket).ok()) {
        ARROW_RETURN_NOT_OK(objects->CreateContainer(bucket));
      }
    }
    for (const std::string& queue : instances->QueueNames()) {
      ARROW_RETURN_NOT_OK(queues->Create(queue, {}));
    }
    trackers = std::make_unique<Trackers>(catalog, &base_.clock);
    s3 = std::make_unique<S3>(base_.db.get(), objects.get(), instances.get());
    runner = std::make_unique<Runner>(TakerParts{.database = base_.db.get(),
                                                 .objects = objects.get(),
                                                 .queues = queues.get(),
                                                 .instances = instances.get(),
                                                 .trackers = trackers.get(),
                                                 .s3 = s3.get()},
                                      &base_.executor, &base_.executor);
    for (const std::string& queue : instances->QueueNames()) runner->Wake(queue);
    return Status::OK();
  }

  /// What nobody but the first life's clock knows is gone.
  void GoOnFrom(std::unique_ptr<store::MemoryFileSystem> left, int64_t at_ns) {
    base_.clock.Advance(at_ns - base_.clock.NowNs());
    base_.files = std::move(left);
  }

  /// As the SQS part sends to an instance's queue.
  Status Send(const std::string& suffix, const std::string& body) {
    const std::string name = Instances::QueueName(kInstance, suffix);
    const InstanceQueue queue = *instances->FindQueue(name);
    ARROW_ASSIGN_OR_RAISE(
        const auto sent,
        queues->SendWith(name, {}, {body}, [&](const std::vector<work::Message>& messages) {
          return runner->ChangesFor(queue, messages.front());
        }));
    return runner->Sent(queue, sent.front());
  }
  void Work() {
    base_.executor.RunUntilIdle(/*advance=*/true, /*horizon_ns=*/Monotonic() + kHourNs / 60);
  }
  int64_t Monotonic() const { return base_.clock.MonotonicNs(); }
  table::TableWorld& base() { return base_; }

  /// Each row's number of times.
  std::map<int64_t, int> Rows() {
    std::map<int64_t, int> rows;
    const auto table = base_.db->GetTable(base_.caller, kTable);
    EXPECT_TRUE(table.ok()) << table.status().ToString();
    for (const std::string& row : base_.Rows(*table)) ++rows[std::stoll(row)];
    return rows;
  }
  json QueryItem(const std::string& id) {
    const auto value = *base_.db->catalog()->GetValue(trackers->QueryName(kInstance, id));
    return value.has_value() ? json::parse(*value) : json();
  }
  std::vector<work::ObjectInfo> Results(const std::string& id) {
    return *objects->List(instances->ResultsBucket(kInstance), "query-" + id + "/", "", 100);
  }

 private:
  table::TableWorld base_;

 public:
  std::unique_ptr<work::Objects> objects;
  std::unique_ptr<work::Queues> queues;
  std::unique_ptr<Instances> instances;
  std::unique_ptr<Trackers> trackers;
  std::unique_ptr<S3> s3;
  std::unique_ptr<Runner> runner;

  ~World() {
    if (runner != nullptr) runner->Stop();
    base_.executor.RunUntilIdle();
  }
};

/// What the outside knows.
struct Known {
  std::set<int64_t> jobs_sent, jobs_answered;
  std::map<std::string, bool> queries;  // answered?
  bool own_sent = false;
  bool own_taken = false;
  bool own_finishing = false;
  bool own_finished = false;
};

std::string Query(const std::string& id, const std::string& to = "") {
  return R"({"queryId":")" + id + R"(","tableName":"t","type":"Query","regions":[{}])" + to + "}";
}
constexpr char kToQueue[] = R"(,"resultsPublisherConfig":{"destination":"SQS","batchSize":"2"})";

/// Goes on until the power is gone.
void Live(World* world, Known* known, const bool& gone) {
  const auto job = [&](int64_t number) {
    const std::string key = "for_ingest/" + std::to_string(number) + ".parquet";
    const std::string bytes = JobFile(number);
    const std::string bucket = world->instances->DataBucket(kInstance);
    ASSERT_TRUE(
        world->objects->Put({.container = bucket, .key = key, .tag = "x"}, AsBytes(bytes)).ok());
    if (gone) return;
    known->jobs_sent.insert(number);
    ASSERT_TRUE(world
                    ->Send("IngestJobQ", R"({"tableName":"t","id":"j","files":[")" + bucket + "/" +
                                             key + R"("]})")
                    .ok());
    if (!gone) known->jobs_answered.insert(number);
  };
  const auto query = [&](const std::string& id, const std::string& to) {
    known->queries[id] = false;
    ASSERT_TRUE(world->Send("QueryQueue", Query(id, to)).ok());
    if (!gone) known->queries[id] = true;
  };
  std::string receipt;
  const std::vector<std::function<void()>> steps = {
      [&] { job(1); },
      [&] { world->Work(); },
      [&] { query("a", ""); },
      [&] { world->Work(); },
      [&] { query("a", ""); },  // again: its answer takes the place of the earlier one
      [&] { query("b", kToQueue); },
      [&] { world->Work(); },
      [&] { job(2); },
      [&] { world->Work(); },
      [&] {
        ASSERT_TRUE(world->queues->Send(kOwnQueue, {}, {"body"}).ok());
        known->own_sent = !gone;
      },
      [&] {
        const auto taken = world->queues->Take(kOwnQueue, 1, kHourNs, /*durable=*/true);
        ASSERT_TRUE(taken.ok());
        ASSERT_EQ(taken->size(), 1U);
        receipt = taken->front().receipt;
        known->own_taken = !gone;
      },
      [&] { job(3); },  // while it is hidden
      [&] { world->Work(); },
      [&] {
        known->own_finishing = true;
        ASSERT_TRUE(world->queues->Finish(kOwnQueue, receipt).ok());
        known->own_finished = !gone;
      },
  };
  for (const auto& step : steps) {
    if (gone || testing::Test::HasFatalFailure()) return;
    step();
  }
}

std::unique_ptr<World> MakeWorld() {
  auto world = std::make_unique<World>();
  EXPECT_TRUE(world->Open().ok());
  table::TableSpec spec{.schema = arrow::schema({arrow::field("k", arrow::int64(), false)}),
                        .edition = {.order = {"k"}}};
  EXPECT_TRUE(world->base().db->CreateTable(world->base().caller, kTable, spec).ok());
  EXPECT_TRUE(world->queues->Create(kOwnQueue, {}).ok());
  world->Work();
  return world;
}

void ListFiles(store::FileSystem* files, const std::string& folder, std::set<std::string>* found) {
  const auto listed = files->List(folder);
  if (!listed.ok()) return;
  for (const auto& entry : *listed) {
    if (entry.is_folder) {
      ListFiles(files, folder + "/" + entry.name, found);
    } else {
      found->insert(entry.name);
    }
  }
}

void ExpectNoOrphans(World* world) {
  ASSERT_TRUE(world->objects->RemoveOrphans().ok());
  world->base().clock.Advance(2 * kHourNs);
  ASSERT_TRUE(world->objects->RemoveGarbage().ok());
  size_t named = 0;
  for (const auto& container : *world->objects->ListContainers()) {
    for (const auto& object : *world->objects->List(container.name, "", "", 1000)) {
      named += object.blobs.size();
      const auto bytes = world->objects->Read(object, 0, object.bytes);
      EXPECT_TRUE(bytes.ok()) << bytes.status().ToString();
    }
  }
  std::set<std::string> found;
  ListFiles(world->base().files.get(), "objects", &found);
  EXPECT_EQ(found.size(), named) << testing::PrintToString(found);
}

void ExpectWhatIsKnown(World* world, const Known& known) {
  const auto rows = world->Rows();
  for (const int64_t job : known.jobs_sent) {
    const auto found = rows.find(job * 100);
    const int times = found == rows.end() ? 0 : found->second;
    EXPECT_LE(times, 1) << "job " << job;
    if (known.jobs_answered.contains(job)) {
      EXPECT_EQ(times, 1) << "job " << job;
    }
    for (int64_t i = 0; i < kRowsAJob; ++i) {
      const auto row = rows.find(job * 100 + i);
      EXPECT_EQ(row == rows.end() ? 0 : row->second, times) << "job " << job << " is in parts";
    }
  }
  for (const auto& [id, answered] : known.queries) {
    const json item = world->QueryItem(id);
    if (answered) {
      EXPECT_TRUE(item.is_object()) << id;
    }
    if (!item.is_object()) continue;
    EXPECT_EQ(item["lastKnownState"]["S"], "COMPLETED") << item.dump();
    const int64_t count = std::stoll(item["rowCount"]["N"].get<std::string>());
    EXPECT_EQ(count % kRowsAJob, 0);
    if (id == "a") {
      EXPECT_EQ(world->Results(id).size(), count > 0 ? 1U : 0U);
    }
  }
  // Those of the answer "b", two rows each: once, or not yet asked for.
  if (known.queries.contains("b") && world->QueryItem("b").is_object()) {
    const auto depth = *world->queues->Depth(Instances::QueueName(kInstance, "QueryResultsQ"));
    const int64_t count = std::stoll(world->QueryItem("b")["rowCount"]["N"].get<std::string>());
    EXPECT_EQ(depth.ready, std::max<int64_t>(1, (count + 1) / 2));
  }
  for (const char* queue : {"IngestJobQ", "QueryQueue"}) {
    const auto depth = *world->queues->Depth(Instances::QueueName(kInstance, queue));
    EXPECT_EQ(depth.ready + depth.hidden, 0) << queue;
  }
  const auto own = *world->queues->Depth(kOwnQueue);
  if (known.own_sent && !known.own_finishing) {
    EXPECT_EQ(own.ready + own.hidden, 1);
  }
  if (known.own_taken && !known.own_finishing) {
    EXPECT_EQ(own.hidden, 1) << "it was hidden";
  }
  if (known.own_finished) {
    EXPECT_EQ(own.ready + own.hidden, 0);
  }
}

TEST(RunnerCrashTest, WithoutACrash) {
  const auto world = MakeWorld();
  Known known;
  Live(world.get(), &known, /*gone=*/false);
  if (HasFatalFailure()) return;
  EXPECT_EQ(known.jobs_answered.size(), 3U);
  EXPECT_EQ(world->Rows().size(), 3U * kRowsAJob);
  ExpectWhatIsKnown(world.get(), known);
  ExpectNoOrphans(world.get());
}

TEST(RunnerCrashTest, APowerCutAtAnyStep) {
  static const std::set<std::string_view> kTelling = {"create", "sync",   "rename",
                                                      "remove", "folder", "sync_folder"};
  uint64_t cut_at = 0;
  for (;; ++cut_at) {
    SCOPED_TRACE(cut_at);
    std::unique_ptr<store::MemoryFileSystem> left;
    int64_t at_ns = 0;
    Known at_cut;
    {
      const auto world = MakeWorld();
      SeededRandom random(cut_at + 1);
      uint64_t step = 0;
      bool gone = false;
      Known known;
      world->base().files->SetFaultHook([&](const char* operation, const std::string&) {
        if (!kTelling.contains(operation) || step++ != cut_at) return Status::OK();
        left = world->base().files->PowerCut(&random);
        at_ns = world->base().clock.NowNs();
        at_cut = known;
        gone = true;
        return Status::OK();
      });
      Live(world.get(), &known, gone);
      world->base().files->SetFaultHook(nullptr);
      if (HasFatalFailure()) return;
      if (!gone) break;  // the life has no more steps
    }
    World after;
    after.GoOnFrom(std::move(left), at_ns);
    const Status opened = after.Open();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    after.Work();
    ExpectWhatIsKnown(&after, at_cut);
    ExpectNoOrphans(&after);
    if (at_cut.own_taken && !at_cut.own_finishing) {
      EXPECT_EQ((*after.queues->Depth(kOwnQueue)).ready, 1) << "its time is over";
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(cut_at, 40U);
}

}  // namespace
}  // namespace firth::doors::aws
