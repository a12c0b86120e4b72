// Jobs over a catalog in memory: taken by one at a time, ended once, and there after a crash.
#include "firth/work/jobs.h"

#include "firth/work/results.h"
#include "firth/work/testing_work.h"

namespace firth::work {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

class JobsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world.Open().ok());
    OpenJobs();
  }
  void OpenJobs() {
    jobs = Jobs::Open({.catalog = world.catalog.get(),
                       .clock = &world.clock,
                       .random = &world.random,
                       .lease_ns = 30 * kSecondNs,
                       .attempts_max = 2,
                       .keep_ns = 3600 * kSecondNs,
                       .jobs_max = 5})
               .ValueOrDie();
  }
  void Restart() {
    jobs.reset();
    ASSERT_TRUE(world.Restart(world.files->Copy()).ok());
    OpenJobs();
  }
  Job Add(const std::string& spec) {
    world.clock.Advance(1);
    return jobs->Add("query", {.principal = PrincipalId(7), .name = "ada"}, spec).ValueOrDie();
  }
  Job Take() { return jobs->Take("query").ValueOrDie().value(); }
  bool NothingToTake() { return !jobs->Take("query").ValueOrDie().has_value(); }

  WorkWorld world;
  std::unique_ptr<Jobs> jobs;
};

TEST_F(JobsTest, OldestFirstUnderALease) {
  const Job first = Add("1"), second = Add("2");
  const Job taken = Take();
  EXPECT_EQ(taken.id, first.id);
  EXPECT_EQ(taken.spec, "1");
  EXPECT_EQ(taken.owner.name, "ada");
  EXPECT_EQ(Take().id, second.id);
  EXPECT_TRUE(NothingToTake());
  EXPECT_EQ(jobs->Get(first.id)->state, JobState::kRunning);
  EXPECT_EQ(jobs->Get(first.id)->lease, "");
  ASSERT_TRUE(jobs->Finish(taken.id, taken.lease, "42").ok());
  EXPECT_EQ(jobs->Get(first.id)->outcome, "42");
  EXPECT_EQ(ReasonOf(jobs->Finish(taken.id, taken.lease, "43")), Reason::kLeaseLost);
  EXPECT_EQ(jobs->Open("query")->size(), 1u);
  EXPECT_FALSE(jobs->Take("other").ValueOrDie().has_value());
}

TEST_F(JobsTest, HeartbeatsKeepALease) {
  Add("1");
  const Job taken = Take();
  for (int i = 0; i < 4; ++i) {
    world.clock.Advance(20 * kSecondNs);
    ASSERT_TRUE(jobs->Heartbeat(taken.id, taken.lease, 0.25 * i).ok());
    EXPECT_TRUE(NothingToTake());
  }
  EXPECT_EQ(jobs->Get(taken.id)->progress, 0.75);
  world.clock.Advance(31 * kSecondNs);
  const Job again = Take();
  EXPECT_EQ(again.attempts, 2);
  EXPECT_EQ(ReasonOf(jobs->Heartbeat(taken.id, taken.lease, 1).status()), Reason::kLeaseLost);
  EXPECT_EQ(ReasonOf(jobs->Fail(taken.id, taken.lease, Status::IOError("x"))), Reason::kLeaseLost);
  ASSERT_TRUE(jobs->Finish(again.id, again.lease, "").ok());
}

TEST_F(JobsTest, GivenUpAfterEnoughAttempts) {
  const Job job = Add("1");
  Take();
  world.clock.Advance(31 * kSecondNs);
  Take();
  world.clock.Advance(31 * kSecondNs);
  EXPECT_TRUE(NothingToTake());
  const Job ended = jobs->Get(job.id).ValueOrDie();
  EXPECT_EQ(ended.state, JobState::kFailed);
  EXPECT_NE(ended.message.find("2 times"), std::string::npos);
}

TEST_F(JobsTest, ARestartEndsLeases) {
  const Job job = Add("1");
  const Job taken = Take();
  Restart();
  const Job again = Take();
  EXPECT_EQ(again.id, job.id);
  EXPECT_EQ(again.spec, "1");
  EXPECT_EQ(again.attempts, 2);
  EXPECT_EQ(ReasonOf(jobs->Finish(taken.id, taken.lease, "")), Reason::kLeaseLost);
  ASSERT_TRUE(jobs->Finish(again.id, again.lease, "done").ok());
  Restart();
  EXPECT_EQ(jobs->Get(job.id)->outcome, "done");
  EXPECT_TRUE(NothingToTake());
}

TEST_F(JobsTest, Cancelled) {
  const Job ready = Add("1");
  ASSERT_TRUE(jobs->Cancel(ready.id).ok());
  EXPECT_EQ(jobs->Get(ready.id)->state, JobState::kCancelled);
  EXPECT_TRUE(NothingToTake());
  Add("2");
  const Job taken = Take();
  ASSERT_TRUE(jobs->Cancel(taken.id).ok());
  EXPECT_TRUE(jobs->Heartbeat(taken.id, taken.lease, 0)->cancel_asked);
  ASSERT_TRUE(
      jobs->Fail(taken.id, taken.lease, Error(Code::kCancelled, Reason::kNone, "stopped")).ok());
  EXPECT_EQ(jobs->Get(taken.id)->state, JobState::kCancelled);
  // A worker that is lost does not bring a cancelled job back.
  Add("3");
  const Job lost = Take();
  ASSERT_TRUE(jobs->Cancel(lost.id).ok());
  Restart();
  EXPECT_TRUE(NothingToTake());
  EXPECT_EQ(jobs->Get(lost.id)->state, JobState::kCancelled);
}

TEST_F(JobsTest, BoundedAndForgotten) {
  EXPECT_EQ(ReasonOf(jobs->Get("no id").status()), Reason::kJobNotFound);
  EXPECT_EQ(ReasonOf(jobs->Get(std::string(16, 'x')).status()), Reason::kJobNotFound);
  EXPECT_EQ(ReasonOf(jobs->Add("a/b", {}, "").status()), Reason::kInvalidName);
  EXPECT_EQ(ReasonOf(jobs->Add("q", {}, std::string(kJobBytesMax + 1, 'x')).status()),
            Reason::kOverBudget);
  for (int i = 0; i < 5; ++i) Add("x");
  EXPECT_EQ(ReasonOf(jobs->Add("q", {}, "").status()), Reason::kOverBudget);
  const Job taken = Take();
  ASSERT_TRUE(jobs->Fail(taken.id, taken.lease, Status::IOError("the disk")).ok());
  EXPECT_TRUE(jobs->ForgetOld()->empty());
  world.clock.Advance(3601 * kSecondNs);
  EXPECT_EQ(*jobs->ForgetOld(), std::vector<std::string>{taken.id});
  EXPECT_EQ(ReasonOf(jobs->Get(taken.id).status()), Reason::kJobNotFound);
}

TEST_F(JobsTest, ChangesRideAlong) {
  const Job job =
      jobs->Add("q", {}, "", {{.name = "made", .value = "1", .compare = true}}).ValueOrDie();
  EXPECT_EQ(*world.catalog->GetValue("made"), "1");
  const Job taken = jobs->TakeThis(job.id).ValueOrDie().value();
  EXPECT_EQ(ReasonOf(jobs->Finish(job.id, taken.lease, "",
                                  {{.name = "made", .value = "2", .compare = true}})),
            Reason::kConflict);
  EXPECT_EQ(jobs->Get(job.id)->state, JobState::kRunning);
  ASSERT_TRUE(jobs->Finish(job.id, taken.lease, "", {{.name = "made", .value = "2"}}).ok());
  EXPECT_EQ(*world.catalog->GetValue("made"), "2");
}

class ResultsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(results.Open().ok()); }

  void Write(const std::string& name, int64_t count) {
    auto writer = results.Create(name, 1 << 30).ValueOrDie();
    for (int64_t i = 0; i < count; ++i) {
      ASSERT_TRUE(writer->Append("row " + std::to_string(i) + std::string(100, '.'), i).ok());
    }
    ASSERT_TRUE(writer->Finish().ok());
  }

  store::MemoryFileSystem files;
  Results results{&files, "results"};
  const std::string id = std::string(15, 'r') + '\0';
};

TEST_F(ResultsTest, RowsByTheirNumber) {
  Write(id, 10'000);
  for (const auto& [from, limit, count] :
       std::vector<std::tuple<int64_t, int64_t, size_t>>{{0, 1000, 1000},
                                                         {9999, 1000, 1},
                                                         {10'000, 5, 0},
                                                         {2199, 3, 3},
                                                         {0, INT64_MAX, 10'000},
                                                         {INT64_MAX, 10, 0},
                                                         {-1, 10, 0}}) {
    const auto rows = results.Read(id, from, limit).ValueOrDie();
    ASSERT_EQ(rows.size(), count) << from;
    if (count > 0) {
      EXPECT_EQ(rows[0].time, from);
      EXPECT_EQ(rows[0].bytes.substr(0, 5 + std::to_string(from).size() - 1),
                "row " + std::to_string(from));
    }
  }
  Write(std::string(16, 'e'), 0);
  EXPECT_TRUE(results.Read(std::string(16, 'e'), 0, 10)->empty());
  EXPECT_EQ(results.List()->size(), 2u);
  ASSERT_TRUE(results.Remove(id).ok());
  EXPECT_EQ(ReasonOf(results.Read(id, 0, 1).status()), Reason::kFileMissing);
}

TEST_F(ResultsTest, WholeOrNotThere) {
  auto writer = results.Create(id, 1000).ValueOrDie();
  ASSERT_TRUE(writer->Append("x", 1).ok());
  EXPECT_EQ(ReasonOf(writer->Append(std::string(1000, 'x'), 1)), Reason::kOverBudget);
  EXPECT_TRUE(results.List()->empty());
  writer.reset();
  EXPECT_TRUE(files.List("results")->empty());
}

TEST_F(ResultsTest, EveryByteIsChecked) {
  Write(id, 3);
  const std::string path = "results/" + files.List("results")->at(0).name;
  const auto whole = store::ReadFile(&files, path, 1 << 20).ValueOrDie();
  for (int64_t i = 4; i < whole->size(); ++i) {
    const auto file = files.Open(path).ValueOrDie();
    const std::byte good{static_cast<unsigned char>(whole->data()[i])};
    const std::byte bad = good ^ std::byte{0x10};
    ASSERT_TRUE(file->Write(static_cast<uint64_t>(i), {std::span(&bad, 1)}).ok());
    EXPECT_EQ(ReasonOf(results.Read(id, 0, 10).status()), Reason::kChecksumMismatch) << i;
    ASSERT_TRUE(file->Write(static_cast<uint64_t>(i), {std::span(&good, 1)}).ok());
  }
  EXPECT_EQ(results.Read(id, 0, 10)->size(), 3u);
}

}  // namespace
}  // namespace firth::work
