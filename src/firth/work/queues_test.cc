// Queues over files in memory: each message until somebody is done with it, oldest first.
#include "firth/work/queues.h"

#include "firth/work/testing_work.h"

namespace firth::work {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

class QueuesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world.Open().ok());
    ASSERT_TRUE(world.queues->Create("q", {{"a", "b"}}).ok());
  }

  Status Send(const std::string& body) {
    return world.queues->Send("q", {.principal = PrincipalId(7), .name = "ada"}, {body}).status();
  }
  std::vector<Message> Take(size_t limit = 10, int64_t hidden_ns = 30 * kSecondNs) {
    const auto taken = world.queues->Take("q", limit, hidden_ns);
    EXPECT_TRUE(taken.ok()) << taken.status().ToString();
    return taken.ValueOr({});
  }
  static std::vector<std::string> Bodies(const std::vector<Message>& messages) {
    std::vector<std::string> bodies;
    for (const Message& message : messages) bodies.push_back(message.body);
    return bodies;
  }

  WorkWorld world;
};

using Texts = std::vector<std::string>;

TEST_F(QueuesTest, OldestFirstAndHidden) {
  for (const char* body : {"1", "2\nof two lines", "3"}) ASSERT_TRUE(Send(body).ok());
  const auto first = Take(2);
  EXPECT_EQ(Bodies(first), (Texts{"1", "2\nof two lines"}));
  EXPECT_EQ(first[0].sender.principal, PrincipalId(7));
  EXPECT_EQ(first[0].sender.name, "ada");
  EXPECT_EQ(Bodies(Take()), (Texts{"3"}));
  EXPECT_EQ(Bodies(Take()), Texts{});
  EXPECT_EQ(world.queues->Depth("q")->hidden, 3);
  ASSERT_TRUE(world.queues->Finish("q", first[1].receipt).ok());
  world.clock.Advance(31 * kSecondNs);
  EXPECT_EQ(world.queues->Depth("q")->ready, 2);
  const auto again = Take();
  EXPECT_EQ(Bodies(again), (Texts{"1", "3"}));
  EXPECT_EQ(again[0].taken, 2);
  // The first taking is over.
  EXPECT_EQ(ReasonOf(world.queues->Finish("q", first[0].receipt)), Reason::kLeaseLost);
  ASSERT_TRUE(world.queues->Hide("q", again[0].receipt, 0).ok());
  EXPECT_EQ(Bodies(Take()), (Texts{"1"}));
}

TEST_F(QueuesTest, RefusesWhatItCannotKeep) {
  EXPECT_EQ(ReasonOf(world.queues->Send("none", {}, {"x"}).status()), Reason::kQueueNotFound);
  EXPECT_EQ(ReasonOf(Send(std::string(kMessageBytesMax + 1, 'x'))), Reason::kOverBudget);
  EXPECT_TRUE(Send(std::string(kMessageBytesMax, 'x')).ok());
  for (int i = 0; i < 99; ++i) ASSERT_TRUE(Send("x").ok());
  EXPECT_EQ(ReasonOf(Send("one too many")), Reason::kOverBudget);
  EXPECT_EQ(ReasonOf(world.queues->Finish("q", "no receipt")), Reason::kLeaseLost);
  EXPECT_EQ(ReasonOf(world.queues->Create("a/b", {})), Reason::kInvalidName);
}

TEST_F(QueuesTest, MessagesOutliveTheProcess) {
  ASSERT_TRUE(Send("1").ok());
  ASSERT_TRUE(Send("2").ok());
  const auto taken = Take();
  ASSERT_TRUE(world.queues->Finish("q", taken[0].receipt).ok());
  ASSERT_TRUE(world.Restart(world.files->Copy()).ok());
  EXPECT_EQ(world.queues->Get("q")->attributes.at("a"), "b");
  // Nobody has taken it since: the receipt of before is good.
  const auto depth = world.queues->Depth("q");
  EXPECT_EQ(depth->ready, 1);
  ASSERT_TRUE(world.queues->Finish("q", taken[1].receipt).ok());
  EXPECT_EQ(Bodies(Take()), Texts{});
  ASSERT_TRUE(Send("3").ok());
  EXPECT_EQ(Bodies(Take()), (Texts{"3"}));
}

TEST_F(QueuesTest, TakenDurablyStaysHidden) {
  for (const char* body : {"1", "2", "3"}) ASSERT_TRUE(Send(body).ok());
  const auto taken = world.queues->Take("q", 2, 30 * kSecondNs, /*durable=*/true);
  ASSERT_TRUE(taken.ok());
  ASSERT_TRUE(world.queues->Hide("q", (*taken)[1].receipt, 90 * kSecondNs).ok());
  ASSERT_TRUE(world.Restart(world.files->Copy()).ok());
  EXPECT_EQ(Bodies(Take()), (Texts{"3"}));
  world.clock.Advance(31 * kSecondNs);
  const auto again = world.queues->Take("q", 1, 30 * kSecondNs, /*durable=*/true);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(Bodies(*again), (Texts{"1"}));
  EXPECT_EQ(again->front().taken, 2);
  // The first taking is over, of the one that was hidden for longer it is not.
  EXPECT_EQ(ReasonOf(world.queues->Finish("q", (*taken)[0].receipt)), Reason::kLeaseLost);
  EXPECT_TRUE(world.queues->Finish("q", (*taken)[1].receipt).ok());
  ASSERT_TRUE(world.Restart(world.files->Copy()).ok());
  EXPECT_EQ(ReasonOf(world.queues->Finish("q", (*taken)[0].receipt)), Reason::kLeaseLost);
  EXPECT_TRUE(world.queues->Finish("q", again->front().receipt).ok());
  ASSERT_TRUE(world.queues->Purge("q").ok());
  EXPECT_TRUE(world.catalog->ListValues("queue/taken/").ValueOrDie().empty());
}

TEST_F(QueuesTest, RemovalRidesInAnotherTransaction) {
  ASSERT_TRUE(Send("1").ok());
  const auto taken = Take();
  const auto removal = world.queues->Removal(taken[0]);
  ASSERT_TRUE(removal.ok());
  ASSERT_TRUE(world.catalog->ChangeValues({*removal, {.name = "done", .value = "1"}}).ok());
  // A second one finds the message gone.
  EXPECT_EQ(ReasonOf(world.catalog->ChangeValues({*removal, {.name = "done", .value = "2"}})),
            Reason::kConflict);
  EXPECT_EQ(ReasonOf(world.queues->Removal(taken[0]).status()), Reason::kLeaseLost);
  world.queues->Removed(taken[0]);
  EXPECT_EQ(world.queues->Depth("q")->hidden, 0);
  EXPECT_EQ(world.catalog->GetValue("done").ValueOrDie(), "1");
}

TEST_F(QueuesTest, SendMakesItsChangesOrNothing) {
  const catalog::ValueChange unmet{.name = "x", .value = "1", .compare = true, .expected = "0"};
  EXPECT_EQ(ReasonOf(world.queues->Send("q", {}, {"1"}, {unmet}).status()), Reason::kConflict);
  EXPECT_EQ(Bodies(Take()), Texts{});
  ASSERT_TRUE(world.queues->Send("q", {}, {"2", "3"}, {{.name = "x", .value = "1"}}).ok());
  EXPECT_EQ(Bodies(Take()), (Texts{"2", "3"}));
}

TEST_F(QueuesTest, WaitersWakeForAMessageOrInTime) {
  std::vector<bool> woken;
  const auto wait = [&](int64_t seconds) {
    world.queues->Wait("q", world.clock.MonotonicNs() + seconds * kSecondNs,
                       [&](bool more) { woken.push_back(more); });
  };
  wait(20);
  world.executor.RunUntilIdle();
  EXPECT_TRUE(woken.empty());
  ASSERT_TRUE(Send("1").ok());
  world.executor.RunUntilIdle();
  EXPECT_EQ(woken, (std::vector<bool>{true}));
  EXPECT_EQ(Bodies(Take(1, 5 * kSecondNs)), (Texts{"1"}));
  wait(20);  // the hidden message is ready before that
  world.clock.Advance(6 * kSecondNs);
  world.executor.RunUntilIdle();
  EXPECT_EQ(woken, (std::vector<bool>{true, true}));
  ASSERT_TRUE(world.queues->Purge("q").ok());
  wait(20);
  world.clock.Advance(21 * kSecondNs);
  world.executor.RunUntilIdle();
  EXPECT_EQ(woken, (std::vector<bool>{true, true, false}));
  wait(20);
  world.queues->EndWaiting();
  EXPECT_EQ(woken.size(), 4u);
  EXPECT_FALSE(woken.back());
}

TEST_F(QueuesTest, RemovedQueueTakesNothing) {
  ASSERT_TRUE(Send("1").ok());
  ASSERT_TRUE(world.queues->Remove("q").ok());
  EXPECT_EQ(ReasonOf(Send("2")), Reason::kQueueNotFound);
  ASSERT_TRUE(world.queues->Create("q", {}).ok());
  EXPECT_EQ(Bodies(Take()), Texts{});
}

// Cut the power before each operation of a send in turn: an acknowledged message is there once.
TEST_F(QueuesTest, PowerCutAnywhereInASend) {
  ASSERT_TRUE(Send("before").ok());
  const auto origin = world.files->Copy();
  for (uint64_t stop = 0; stop < 100; ++stop) {
    ASSERT_TRUE(world.Restart(origin->Copy()).ok());
    SeededRandom chance(stop);
    std::unique_ptr<store::MemoryFileSystem> left;
    uint64_t count = 0;
    auto* files = world.files.get();
    files->SetFaultHook([&](const char*, const std::string&) -> Status {
      if (count++ == stop) left = files->PowerCut(&chance);
      return left == nullptr ? Status::OK() : Error(Code::kUnavailable, Reason::kIo, "no power");
    });
    const Status sent = Send("new");
    const bool was_cut = left != nullptr;
    if (!was_cut) left = files->PowerCut(&chance);
    files->SetFaultHook(nullptr);
    ASSERT_TRUE(world.Restart(std::move(left)).ok()) << stop;
    const auto found = Bodies(Take());
    const bool there = found == Texts{"before", "new"};
    EXPECT_TRUE(there || (found == Texts{"before"} && !sent.ok())) << stop;
    if (!was_cut) return;
  }
  FAIL() << "a send takes more operations than this test cuts";
}

}  // namespace
}  // namespace firth::work
