// Objects over files in memory: what is put is there, wholly or not at all, also after a power cut,
// and nothing that nobody names stays for ever.
#include "firth/work/objects.h"

#include "firth/work/testing_work.h"

namespace firth::work {
namespace {

constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;

class ObjectsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world.Open().ok());
    ASSERT_TRUE(world.objects->CreateContainer("box").ok());
  }

  Status Put(const std::string& key, const std::string& bytes, const PutCondition& condition = {}) {
    return world.objects
        ->Put({.container = "box", .key = key, .tag = "tag of " + bytes}, AsBytes(bytes), condition)
        .status();
  }
  /// The object's bytes, or the name of the reason why there are none.
  std::string Read(const std::string& key) {
    const auto object = world.objects->Get("box", key);
    if (!object.ok()) return std::string(ReasonName(ReasonOf(object.status())));
    const auto bytes = world.objects->Read(*object, 0, object->bytes);
    return bytes.ok() ? (*bytes)->ToString() : bytes.status().ToString();
  }
  std::vector<std::string> Keys(const std::string& prefix = "", const std::string& from = "",
                                size_t limit = 100) {
    std::vector<std::string> keys;
    const auto listed = world.objects->List("box", prefix, from, limit);
    EXPECT_TRUE(listed.ok()) << listed.status().ToString();
    for (const auto& object : listed.ValueOr({})) keys.push_back(object.key);
    return keys;
  }
  /// Files that hold bytes of objects.
  size_t Blobs() { return world.files->List("objects").ValueOr({}).size(); }

  WorkWorld world;
};

TEST_F(ObjectsTest, PutReadListRemove) {
  ASSERT_TRUE(Put("b/2", "two").ok());
  ASSERT_TRUE(Put("b/10", "ten").ok());
  ASSERT_TRUE(Put("a", "").ok());
  ASSERT_TRUE(Put("\xc3\xa9", "e").ok());
  EXPECT_EQ(Read("b/10"), "ten");
  EXPECT_EQ(Read("a"), "");
  EXPECT_EQ(Keys(), (std::vector<std::string>{"a", "b/10", "b/2", "\xc3\xa9"}));
  EXPECT_EQ(Keys("b/"), (std::vector<std::string>{"b/10", "b/2"}));
  EXPECT_EQ(Keys("b/", "b/11"), (std::vector<std::string>{"b/2"}));
  EXPECT_EQ(Keys("", "", 1), (std::vector<std::string>{"a"}));
  ASSERT_TRUE(Put("b/2", "zwei").ok());
  EXPECT_EQ(Read("b/2"), "zwei");
  ASSERT_TRUE(world.objects->Remove("box", "b/2").ok());
  ASSERT_TRUE(world.objects->Remove("box", "b/2").ok());
  EXPECT_EQ(Read("b/2"), "object_not_found");
}

TEST_F(ObjectsTest, NamesAreChecked) {
  EXPECT_EQ(ReasonOf(Put("", "x")), Reason::kInvalidName);
  EXPECT_EQ(ReasonOf(Put(std::string(1025, 'k'), "x")), Reason::kInvalidName);
  EXPECT_EQ(ReasonOf(Put("\xff", "x")), Reason::kInvalidName);
  EXPECT_EQ(ReasonOf(Put(std::string("a\0b", 3), "x")), Reason::kInvalidName);
  EXPECT_TRUE(Put("../../etc/passwd", "x").ok());  // a key like any other
  EXPECT_EQ(Read("../../etc/passwd"), "x");
  EXPECT_EQ(ReasonOf(world.objects->CreateContainer("a/b")), Reason::kInvalidName);
  EXPECT_EQ(ReasonOf(world.objects->CreateContainer("box")), Reason::kNamespaceExists);
  EXPECT_EQ(ReasonOf(world.objects->Get("none", "a").status()), Reason::kNamespaceNotFound);
}

TEST_F(ObjectsTest, ConditionsHold) {
  ASSERT_TRUE(Put("a", "1", {.if_absent = true}).ok());
  EXPECT_EQ(ReasonOf(Put("a", "2", {.if_absent = true})), Reason::kConflict);
  EXPECT_EQ(ReasonOf(Put("a", "2", {.if_tag = "tag of 0"})), Reason::kConflict);
  EXPECT_EQ(ReasonOf(Put("b", "2", {.if_tag = "tag of 0"})), Reason::kObjectNotFound);
  EXPECT_EQ(Read("a"), "1");
  ASSERT_TRUE(Put("a", "2", {.if_tag = "tag of 1"}).ok());
  EXPECT_EQ(Read("a"), "2");
}

TEST_F(ObjectsTest, RangesCrossBlobs) {
  StagedObject staged{.object = {.container = "box", .key = "long"}};
  for (const char* run : {"abc", "", "defg", "h"}) {
    ASSERT_TRUE(world.objects->Append(&staged, AsBytes(run)).ok());
  }
  EXPECT_EQ(Read("long"), "object_not_found");  // staged is not shown
  ASSERT_TRUE(world.objects->Publish({staged}, {}).ok());
  const auto object = world.objects->Get("box", "long");
  ASSERT_TRUE(object.ok());
  const std::string all = "abcdefgh";
  for (uint64_t begin = 0; begin <= all.size(); ++begin) {
    for (uint64_t end = begin; end <= all.size(); ++end) {
      const auto bytes = world.objects->Read(*object, begin, end - begin);
      ASSERT_TRUE(bytes.ok());
      EXPECT_EQ((*bytes)->ToString(), all.substr(begin, end - begin));
    }
  }
  EXPECT_EQ(CodeOf(world.objects->Read(*object, 3, 6).status()), Code::kOutOfRange);
}

TEST_F(ObjectsTest, UploadsInParts) {
  const NewObject object{.container = "box", .key = "up", .metadata = {{"m", "1"}}};
  const auto upload = world.objects->BeginUpload(object);
  ASSERT_TRUE(upload.ok());
  const auto part = [&](int number, const std::string& bytes) {
    return world.objects->PutPart(*upload, {.number = number, .tag = bytes}, AsBytes(bytes));
  };
  ASSERT_TRUE(part(2, "B").ok());
  ASSERT_TRUE(part(1, "old").ok());
  const auto before = world.objects->ListParts(*upload);
  ASSERT_TRUE(part(1, "A").ok());
  ASSERT_TRUE(part(3, "never taken").ok());
  EXPECT_FALSE(part(0, "x").ok());
  EXPECT_FALSE(part(10'001, "x").ok());
  // A part was sent again since `before`.
  EXPECT_EQ(ReasonOf(world.objects->EndUpload(*upload, *before, "t", {}).status()),
            Reason::kConflict);
  auto parts = *world.objects->ListParts(*upload);
  ASSERT_EQ(parts.size(), 3u);
  parts.pop_back();
  ASSERT_TRUE(world.objects->EndUpload(*upload, parts, "t", {{"m", "2"}}).ok());
  EXPECT_EQ(Read("up"), "AB");
  EXPECT_EQ(world.objects->Get("box", "up")->metadata.at("m"), "2");
  EXPECT_EQ(ReasonOf(part(1, "late").status()), Reason::kTransactionNotFound);
  EXPECT_EQ(ReasonOf(world.objects->GetUpload("box", "up", upload->id).status()),
            Reason::kTransactionNotFound);
}

TEST_F(ObjectsTest, PartsOfSeveralBlobs) {
  const auto upload = world.objects->BeginUpload({.container = "box", .key = "up"});
  const auto put = [&](int number, const std::vector<std::string>& runs) {
    StagedObject staged;
    for (const std::string& run : runs) {
      EXPECT_TRUE(world.objects->Append(&staged, AsBytes(run)).ok());
    }
    EXPECT_TRUE(world.objects->PutPart(*upload, {.number = number}, staged).ok());
  };
  put(1, {"a", "bc", "def"});
  put(2, {"old", "er"});
  put(2, {"x", "yz"});
  put(3, {});
  ASSERT_TRUE(world.Restart(world.files->Copy()).ok());
  ASSERT_TRUE(world.objects->RemoveOrphans().ok());
  const auto parts = *world.objects->ListParts(*upload);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].bytes(), 6U);
  ASSERT_TRUE(world.objects->EndUpload(*upload, parts, "t", {}).ok());
  EXPECT_EQ(Read("up"), "abcdefxyz");
  world.clock.Advance(2 * kHourNs);
  ASSERT_TRUE(world.objects->RemoveGarbage().ok());
  EXPECT_EQ(Blobs(), 5U);  // not those of the part that was sent again
}

TEST_F(ObjectsTest, WhatIsGivenUpGoesAtOnce) {
  ASSERT_TRUE(Put("a", "first").ok());
  const size_t before = Blobs();
  EXPECT_FALSE(
      world.objects->Put({.container = "box", .key = "a"}, AsBytes("second"), {.if_absent = true})
          .ok());
  EXPECT_EQ(Blobs(), before);
  StagedObject staged;
  ASSERT_TRUE(world.objects->Append(&staged, AsBytes("bytes")).ok());
  EXPECT_EQ(Blobs(), before + 1);
  world.objects->Discard(staged);
  EXPECT_EQ(Blobs(), before);
}

TEST_F(ObjectsTest, AbortedUploadLeavesNothing) {
  const auto upload = world.objects->BeginUpload({.container = "box", .key = "up"});
  ASSERT_TRUE(world.objects->PutPart(*upload, {.number = 1}, AsBytes("bytes")).ok());
  ASSERT_TRUE(world.objects->AbortUpload(*upload).ok());
  world.clock.Advance(2 * kHourNs);
  ASSERT_TRUE(world.objects->RemoveGarbage().ok());
  EXPECT_EQ(Blobs(), 0u);
  EXPECT_EQ(Read("up"), "object_not_found");
}

TEST_F(ObjectsTest, ReplacedBytesStayReadableForAnHour) {
  ASSERT_TRUE(Put("a", "first").ok());
  const auto old = world.objects->Get("box", "a");
  ASSERT_TRUE(Put("a", "second").ok());
  ASSERT_TRUE(world.objects->RemoveGarbage().ok());
  EXPECT_EQ((*world.objects->Read(*old, 0, 5))->ToString(), "first");
  world.clock.Advance(2 * kHourNs);
  ASSERT_TRUE(world.objects->RemoveGarbage().ok());
  EXPECT_FALSE(world.objects->Read(*old, 0, 5).ok());
  EXPECT_EQ(Read("a"), "second");
  EXPECT_EQ(Blobs(), 1u);
}

TEST_F(ObjectsTest, ExpiredObjectsGo) {
  const NewObject object{
      .container = "box", .key = "brief", .expires_ns = world.clock.NowNs() + kHourNs};
  ASSERT_TRUE(world.objects->Put(object, AsBytes("x")).ok());
  ASSERT_TRUE(Put("lasting", "y").ok());
  ASSERT_TRUE(world.objects->RemoveGarbage().ok());
  EXPECT_EQ(Read("brief"), "x");
  world.clock.Advance(2 * kHourNs);
  ASSERT_TRUE(world.objects->RemoveGarbage().ok());
  EXPECT_EQ(Read("brief"), "object_not_found");
  EXPECT_EQ(Read("lasting"), "y");
}

TEST_F(ObjectsTest, FullContainerStays) {
  ASSERT_TRUE(Put("a", "1").ok());
  EXPECT_EQ(ReasonOf(world.objects->RemoveContainer("box")), Reason::kNamespaceNotEmpty);
  ASSERT_TRUE(Put("a", "2").ok());
  ASSERT_TRUE(world.objects->RemoveAll("box", "").ok());
  ASSERT_TRUE(world.objects->RemoveContainer("box").ok());
  EXPECT_EQ(ReasonOf(Put("a", "3")), Reason::kNamespaceNotFound);
}

TEST_F(ObjectsTest, ChangesRideWithAPut) {
  StagedObject staged{.object = {.container = "box", .key = "a"}};
  ASSERT_TRUE(world.objects->Append(&staged, AsBytes("1")).ok());
  const catalog::ValueChange unmet{.name = "x", .value = "1", .compare = true, .expected = "0"};
  EXPECT_EQ(ReasonOf(world.objects->Publish({staged}, {unmet}).status()), Reason::kConflict);
  EXPECT_EQ(Read("a"), "object_not_found");
  ASSERT_TRUE(world.objects->Publish({staged}, {{.name = "x", .value = "1"}}).ok());
  EXPECT_EQ(world.catalog->GetValue("x").ValueOrDie(), "1");
}

TEST_F(ObjectsTest, DamagedBytesAreFoundOut) {
  ASSERT_TRUE(Put("a", "some bytes").ok());
  const auto blobs = world.files->List("objects");
  ASSERT_TRUE(blobs.ok());
  const auto& file = blobs->front();
  ASSERT_TRUE(world.files->FlipBits("objects/" + file.name, file.bytes - 1, 1).ok());
  const auto object = world.objects->Get("box", "a");
  EXPECT_EQ(CodeOf(world.objects->Read(*object, 0, 10).status()), Code::kDataLoss);
}

// Cut the power before each operation of a put in turn: the object is the old one or the new one,
// an acknowledged put is there, and what it left behind is removed.
TEST_F(ObjectsTest, PowerCutAnywhereInAPut) {
  ASSERT_TRUE(Put("a", "old").ok());
  const auto origin = world.files->Copy();
  for (uint64_t stop = 0; stop < 200; ++stop) {
    ASSERT_TRUE(world.Restart(origin->Copy()).ok());
    SeededRandom chance(stop);
    std::unique_ptr<store::MemoryFileSystem> left;
    uint64_t count = 0;
    auto* files = world.files.get();
    files->SetFaultHook([&](const char*, const std::string&) -> Status {
      if (count++ == stop) left = files->PowerCut(&chance);
      return left == nullptr ? Status::OK() : Error(Code::kUnavailable, Reason::kIo, "no power");
    });
    const Status put = Put("a", "new");
    const bool was_cut = left != nullptr;
    if (!was_cut) left = files->PowerCut(&chance);
    files->SetFaultHook(nullptr);
    ASSERT_TRUE(world.Restart(std::move(left)).ok()) << stop;
    const std::string found = Read("a");
    EXPECT_TRUE(found == "new" || (found == "old" && !put.ok())) << stop << ": " << found;
    ASSERT_TRUE(world.objects->RemoveOrphans().ok());
    world.clock.Advance(2 * kHourNs);
    ASSERT_TRUE(world.objects->RemoveGarbage().ok());
    ASSERT_TRUE(Put("b", "x").ok());  // which also clears away half-written files
    EXPECT_EQ(Blobs(), 2u) << stop;
    EXPECT_EQ(Read("a"), found);
    if (!was_cut) return;
  }
  FAIL() << "a put takes more operations than this test cuts";
}

}  // namespace
}  // namespace firth::work
