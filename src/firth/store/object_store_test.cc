// Goal: the folder object store keeps the contract of object_store.h, finds every damaged byte, and
// loses nothing that it acknowledged. Method: the contract on both file systems; on the one in
// memory a flip of every byte, a failure of every operation and a power cut at every one.
#include "firth/store/object_store.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <thread>

#include "firth/common/checksum.h"
#include "firth/store/object_file.h"
#include "firth/store/object_key.h"
#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

constexpr int64_t kStartNs = 1'700'000'000'000'000'000;
constexpr uint64_t kBlock = kObjectBlockBytes;

std::string TextOf(const Result<std::shared_ptr<arrow::Buffer>>& buffer) {
  return buffer.ok() ? (*buffer)->ToString() : buffer.status().ToString();
}

/// The keys of a listing, separated by blanks.
std::string Keys(ObjectStore* objects, const std::string& prefix = "",
                 const std::string& after = "", size_t limit = 1000) {
  const auto found = objects->List(prefix, after, limit);
  if (!found.ok()) return found.status().ToString();
  std::string keys;
  for (const ObjectInfo& info : *found) keys += (keys.empty() ? "" : " ") + info.key;
  return keys;
}

class ObjectStoreContract : public BothFileSystems {
 protected:
  ManualClock clock{kStartNs};
  std::unique_ptr<ObjectStore> objects =
      MakeFolderObjectStore(files.get(), "store/objects", &clock);
};
FIRTH_TEST_ON_BOTH(ObjectStoreContract);

TEST_P(ObjectStoreContract, WhatWasPutIsGot) {
  ASSERT_OK(objects->Put("a/b", AsBytes("content")));
  EXPECT_EQ(TextOf(objects->Get("a/b")), "content");
  EXPECT_EQ(TextOf(objects->Get("a/b", 3)), "tent");
  EXPECT_EQ(TextOf(objects->Get("a/b", 1, 3)), "ont");
  EXPECT_EQ(TextOf(objects->Get("a/b", 7)), "");
  EXPECT_EQ(TextOf(objects->Get("a/b", 2, 0)), "");
}

TEST_P(ObjectStoreContract, AnObjectMayBeEmpty) {
  ASSERT_OK(objects->Put("a", {}));
  EXPECT_EQ(TextOf(objects->Get("a")), "");
  EXPECT_EQ(objects->Head("a")->bytes, 0u);
}

TEST_P(ObjectStoreContract, ARangeOutsideIsRefused) {
  ASSERT_OK(objects->Put("a", AsBytes("content")));
  EXPECT_REASON(objects->Get("a", 8).status(), Code::kOutOfRange, Reason::kNone);
  EXPECT_REASON(objects->Get("a", 0, 8).status(), Code::kOutOfRange, Reason::kNone);
  EXPECT_REASON(objects->Get("a", 7, 1).status(), Code::kOutOfRange, Reason::kNone);
  EXPECT_REASON(objects->Get("a", 1, UINT64_MAX).status(), Code::kOutOfRange, Reason::kNone);
}

TEST_P(ObjectStoreContract, WhatIsMissingIsNamed) {
  const Status status = objects->Get("a").status();
  EXPECT_REASON(status, Code::kNotFound, Reason::kObjectNotFound);
  EXPECT_EQ(MessageOf(status), "there is no object 'a'");
  EXPECT_REASON(objects->Head("a").status(), Code::kNotFound, Reason::kObjectNotFound);
  EXPECT_OK(objects->Remove("a"));
  EXPECT_EQ(Keys(objects.get()), "");
  ASSERT_OK(objects->Put("b", {}));
  EXPECT_REASON(objects->Get("a").status(), Code::kNotFound, Reason::kObjectNotFound);
  EXPECT_OK(objects->Remove("a"));
}

TEST_P(ObjectStoreContract, ABadKeyIsRefused) {
  for (const std::string& key : {std::string(), std::string(1025, 'a'), std::string("\xff")}) {
    const auto refused = [](const Status& status) {
      EXPECT_REASON(status, Code::kInvalidArgument, Reason::kInvalidName);
    };
    refused(objects->Put(key, {}));
    refused(objects->Get(key).status());
    refused(objects->Head(key).status());
    refused(objects->Remove(key));
  }
}

TEST_P(ObjectStoreContract, APutReplacesUnlessItMustBeTheFirst) {
  EXPECT_OK(objects->Put("a", AsBytes("one"), /*if_absent=*/true));
  const Status status = objects->Put("a", AsBytes("two"), /*if_absent=*/true);
  EXPECT_REASON(status, Code::kAborted, Reason::kConflict);
  EXPECT_EQ(MessageOf(status), "the object 'a' exists already");
  EXPECT_EQ(TextOf(objects->Get("a")), "one");
  EXPECT_OK(objects->Put("a", AsBytes("three")));
  EXPECT_EQ(TextOf(objects->Get("a")), "three");
  EXPECT_OK(objects->Remove("a"));
  EXPECT_OK(objects->Put("a", AsBytes("four"), /*if_absent=*/true));
}

TEST_P(ObjectStoreContract, HeadTellsSizeAndTime) {
  ASSERT_OK(objects->Put("a", AsBytes("content")));
  clock.Advance(5);
  ASSERT_OK(objects->Put("b", AsBytes("x")));
  const auto a = objects->Head("a").ValueOrDie();
  EXPECT_EQ(a.key, "a");
  EXPECT_EQ(a.bytes, 7u);
  EXPECT_EQ(a.modified_ns, kStartNs);
  EXPECT_EQ(objects->Head("b")->modified_ns, kStartNs + 5);
  const auto listed = objects->List("", "", 10).ValueOrDie();
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[1].key, "b");
  EXPECT_EQ(listed[1].bytes, 1u);
  EXPECT_EQ(listed[1].modified_ns, kStartNs + 5);
}

TEST_P(ObjectStoreContract, KeysAreListedByTheirBytes) {
  for (const char* key : {"b/2", "a", "b/10", "é", "b", "~", "b.x", "Z"}) {
    ASSERT_OK(objects->Put(key, {}));
  }
  EXPECT_EQ(Keys(objects.get()), "Z a b b.x b/10 b/2 ~ é");
  EXPECT_EQ(Keys(objects.get(), "b/"), "b/10 b/2");
  EXPECT_EQ(Keys(objects.get(), "b", "b"), "b.x b/10 b/2");
  EXPECT_EQ(Keys(objects.get(), "b", "b.x", 1), "b/10");
  EXPECT_EQ(Keys(objects.get(), "", "b/11", 2), "b/2 ~");
  EXPECT_EQ(Keys(objects.get(), "", "", 0), "");
  EXPECT_EQ(Keys(objects.get(), "c"), "");
}

TEST_P(ObjectStoreContract, LongKeysAreAsGoodAsShortOnes) {
  const std::string stem(190, 'k');
  const std::vector<std::string> keys = {stem, stem + "/", stem + std::string(834, '.'),
                                         stem + std::string(10, 'x'), stem + std::string(11, 'x')};
  std::map<std::string, std::string> model;
  for (const std::string& key : keys) {
    ASSERT_OK(objects->Put(key, AsBytes(key.substr(180))));
    model[key] = key.substr(180);
  }
  std::string expected;
  for (const auto& [key, text] : model) {
    EXPECT_EQ(TextOf(objects->Get(key)), text);
    expected += (expected.empty() ? "" : " ") + key;
  }
  EXPECT_EQ(Keys(objects.get()), expected);
  EXPECT_OK(objects->Remove(keys[2]));
  EXPECT_REASON(objects->Head(keys[2]).status(), Code::kNotFound, Reason::kObjectNotFound);
}

TEST_P(ObjectStoreContract, WhatElseLiesInTheFolderIsNoObject) {
  ASSERT_OK(objects->Put("a", {}));
  ASSERT_OK(MakeFile(files.get(), "store/objects/foreign.file", ""));
  ASSERT_OK(MakeFile(files.get(), "store/objects/b~", "being written"));
  ASSERT_OK(files->MakeFolder("store/objects/folder"));
  EXPECT_EQ(Keys(objects.get()), "a");
}

TEST_P(ObjectStoreContract, WhatACrashLeftIsRemovedByTheFirstPut) {
  const std::string long_key(300, 'k');
  ASSERT_OK(objects->Put(long_key, {}));
  const std::string in_folder = "store/objects/" + std::string(200, 'k') + "+/x~";
  ASSERT_OK(MakeFile(files.get(), in_folder, "half"));
  ASSERT_OK(MakeFile(files.get(), "store/objects/b~", "half"));
  objects = MakeFolderObjectStore(files.get(), "store/objects", &clock);
  EXPECT_EQ(TextOf(objects->Get(long_key)), "");
  EXPECT_TRUE(*files->Exists(in_folder)) << "reading removes nothing";
  ASSERT_OK(objects->Put("a", {}));
  EXPECT_FALSE(*files->Exists(in_folder));
  EXPECT_FALSE(*files->Exists("store/objects/b~"));
  EXPECT_EQ(Keys(objects.get()), "a " + long_key);
}

TEST_P(ObjectStoreContract, WhatACrashLeftIsRemovedWhenAsked) {
  ASSERT_OK(objects->Put("a", {}));
  ASSERT_OK(MakeFile(files.get(), "store/objects/b~", "half"));
  objects = MakeFolderObjectStore(files.get(), "store/objects", &clock);
  ASSERT_OK(objects->Sweep());
  EXPECT_FALSE(*files->Exists("store/objects/b~"));
  EXPECT_EQ(Keys(objects.get()), "a");
}

TEST_P(ObjectStoreContract, RangesOfManyBlocksAreRight) {
  const std::string text = Pattern(3 * kBlock + 100, 1);
  ASSERT_OK(objects->Put("a", AsBytes(text)));
  EXPECT_EQ(TextOf(objects->Get("a")), text);
  const std::vector<uint64_t> edges = {0,          1,          kBlock - 1, kBlock,
                                       kBlock + 1, 3 * kBlock, text.size()};
  for (const uint64_t begin : edges) {
    for (const uint64_t end : edges) {
      if (begin > end) continue;
      ASSERT_EQ(TextOf(objects->Get("a", begin, end - begin)), text.substr(begin, end - begin))
          << "[" << begin << ", " << end << ")";
    }
  }
}

TEST_P(ObjectStoreContract, OneOfManyFirstPutsWins) {
  std::atomic<int> won = 0, lost = 0;
  const auto put = [&](const std::string& text) {
    for (int i = 0; i < 20; ++i) {
      const Status status = objects->Put("k" + std::to_string(i), AsBytes(text), true);
      if (status.ok()) ++won;
      if (ReasonOf(status) == Reason::kConflict) ++lost;
    }
  };
  std::thread one(put, "one"), two(put, "two"), three(put, "three");
  one.join();
  two.join();
  three.join();
  EXPECT_EQ(won, 20);
  EXPECT_EQ(lost, 40);
}

TEST_P(ObjectStoreContract, AReaderSeesAnObjectAsOnePutStoredIt) {
  const std::string small(10, 's'), large(2 * kBlock, 'l');
  ASSERT_OK(objects->Put("a", AsBytes(small)));
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) EXPECT_OK(objects->Put("a", AsBytes(i % 2 == 0 ? large : small)));
  });
  for (int i = 0; i < 200; ++i) {
    const std::string text = TextOf(objects->Get("a"));
    ASSERT_TRUE(text == small || text == large) << text.substr(0, 100);
  }
  writer.join();
}

RC_GTEST_PROP(ObjectStoreProperty, AgreesWithAMap, ()) {
  MemoryFileSystem files;
  ManualClock clock;
  const auto objects = MakeFolderObjectStore(&files, "o", &clock);
  std::map<std::string, std::string> model;
  const auto operations = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4));
  for (const int operation : operations) {
    const std::string key = *rc::gen::element<std::string>("a", "a/b", "a/", "b", "..", "%61");
    const auto text = *rc::gen::arbitrary<std::string>();
    if (operation == 0) {
      RC_ASSERT(objects->Put(key, AsBytes(text)).ok());
      model[key] = text;
    } else if (operation == 1) {
      RC_ASSERT(objects->Put(key, AsBytes(text), true).ok() == model.emplace(key, text).second);
    } else if (operation == 2) {
      RC_ASSERT(objects->Remove(key).ok());
      model.erase(key);
    } else if (model.contains(key)) {
      RC_ASSERT(TextOf(objects->Get(key)) == model[key]);
    } else {
      RC_ASSERT(ReasonOf(objects->Get(key).status()) == Reason::kObjectNotFound);
    }
    std::string keys;
    for (const auto& [present, ignored] : model) keys += (keys.empty() ? "" : " ") + present;
    RC_ASSERT(Keys(objects.get()) == keys);
  }
}

class ObjectStoreFaults : public testing::Test {
 protected:
  MemoryFileSystem files;
  ManualClock clock{kStartNs};
  std::unique_ptr<ObjectStore> objects = MakeFolderObjectStore(&files, "o", &clock);
};

TEST_F(ObjectStoreFaults, EveryFlippedBitIsFoundAndTheObjectNamed) {
  ASSERT_OK(objects->Put("the/key", AsBytes(Pattern(100, 1))));
  const std::string path = "o/" + ObjectPath("the/key");
  const uint64_t bytes = *files.Open(path).ValueOrDie()->Size();
  for (uint64_t position = 0; position < bytes; ++position) {
    for (int bit = 0; bit < 8; ++bit) {
      const auto mask = static_cast<uint8_t>(1 << bit);
      ASSERT_OK(files.FlipBits(path, position, mask));
      const Status status = objects->Get("the/key").status();
      EXPECT_REASON(status, Code::kDataLoss, Reason::kChecksumMismatch);
      EXPECT_NE(MessageOf(status).find("'the/key'"), std::string::npos) << status;
      EXPECT_NE(MessageOf(status).find("'" + path + "'"), std::string::npos) << status;
      ASSERT_OK(files.FlipBits(path, position, mask));
    }
  }
  EXPECT_OK(objects->Get("the/key").status());
}

TEST_F(ObjectStoreFaults, ADamagedHeaderIsFoundByHeadAndList) {
  ASSERT_OK(objects->Put("a", AsBytes("content")));
  for (uint64_t position = 0; position < kObjectHeaderBytes; ++position) {
    ASSERT_OK(files.FlipBits("o/a", position, 0x10));
    EXPECT_REASON(objects->Head("a").status(), Code::kDataLoss, Reason::kChecksumMismatch);
    EXPECT_REASON(objects->List("", "", 1).status(), Code::kDataLoss, Reason::kChecksumMismatch);
    ASSERT_OK(files.FlipBits("o/a", position, 0x10));
  }
}

TEST_F(ObjectStoreFaults, ARangeIsVerifiedByItsBlocksAlone) {
  const std::string text = Pattern(3 * kBlock, 1);
  ASSERT_OK(objects->Put("a", AsBytes(text)));
  const uint64_t content_at = kObjectHeaderBytes + 3 * kObjectChecksumBytes;
  ASSERT_OK(files.FlipBits("o/a", content_at + kBlock + 7, 0x80));
  EXPECT_EQ(TextOf(objects->Get("a", 0, kBlock)), text.substr(0, kBlock));
  EXPECT_EQ(TextOf(objects->Get("a", 2 * kBlock)), text.substr(2 * kBlock));
  for (const auto& [position, bytes] : std::map<uint64_t, uint64_t>{
           {0, kBlock + 1}, {kBlock, 1}, {2 * kBlock - 1, 2}, {kBlock + 100, 1}}) {
    const Status status = objects->Get("a", position, bytes).status();
    EXPECT_REASON(status, Code::kDataLoss, Reason::kChecksumMismatch);
    EXPECT_NE(MessageOf(status).find("at byte 65536 of the content"), std::string::npos) << status;
  }
}

TEST_F(ObjectStoreFaults, AFlippedBlockChecksumIsFound) {
  ASSERT_OK(objects->Put("a", AsBytes(Pattern(2 * kBlock, 1))));
  ASSERT_OK(files.FlipBits("o/a", kObjectHeaderBytes + kObjectChecksumBytes, 1));
  EXPECT_OK(objects->Get("a", 0, kBlock).status());
  EXPECT_REASON(objects->Get("a", kBlock, 1).status(), Code::kDataLoss, Reason::kChecksumMismatch);
}

TEST_F(ObjectStoreFaults, ALengthThatDoesNotFitIsFound) {
  ASSERT_OK(objects->Put("a", AsBytes("content")));
  const uint64_t bytes = *files.Open("o/a").ValueOrDie()->Size();
  for (const uint64_t wrong : {uint64_t{0}, kObjectHeaderBytes - 1, bytes - 1, bytes + 1}) {
    const auto copy = files.Copy();
    ASSERT_OK(copy->Open("o/a").ValueOrDie()->Truncate(wrong));
    EXPECT_REASON(MakeFolderObjectStore(copy.get(), "o", &clock)->Head("a").status(),
                  Code::kDataLoss, Reason::kChecksumMismatch);
  }
}

TEST_F(ObjectStoreFaults, SoundBytesInTheWrongPlaceAreFound) {
  const std::string one(kBlock, '1'), two(kBlock, '2');
  ASSERT_OK(objects->Put("a", AsBytes(one + two)));
  ASSERT_OK(objects->Put("b", AsBytes("content")));

  // The two blocks and their checksums change places.
  const auto file = files.Open("o/a").ValueOrDie();
  const std::string front = *ReadText(*file, 0, kObjectHeaderBytes + 2 * kObjectChecksumBytes);
  const std::string swapped = front.substr(kObjectHeaderBytes + kObjectChecksumBytes) +
                              front.substr(kObjectHeaderBytes, kObjectChecksumBytes);
  ASSERT_OK(file->Write(kObjectHeaderBytes, {AsBytes(swapped), AsBytes(two), AsBytes(one)}));
  EXPECT_REASON(objects->Get("a").status(), Code::kDataLoss, Reason::kChecksumMismatch);

  // One object's file takes another's name.
  ASSERT_OK(files.Rename("o/b", "o/a"));
  EXPECT_REASON(objects->Get("a").status(), Code::kDataLoss, Reason::kChecksumMismatch);
}

/// The file of an empty object "a" with one byte of its header changed, soundly summed all the
/// same.
std::string FrontWith(size_t position, char byte) {
  std::string front = EncodeObjectFront("a", kStartNs, {});
  front[position] = byte;
  StoreLe(&front[24], Hash64(AsBytes(front).first(24), Hash64(AsBytes("a"))));
  return front;
}

TEST_F(ObjectStoreFaults, AFutureFormatIsTold) {
  ASSERT_OK(objects->Put("a", {}));
  const auto file = files.Open("o/a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, FrontWith(4, 2)));
  EXPECT_REASON(objects->Get("a").status(), Code::kFailedPrecondition, Reason::kFormatTooNew);
  ASSERT_OK(WriteText(file.get(), 0, FrontWith(4, 1)));
  EXPECT_OK(objects->Get("a").status());
}

TEST_F(ObjectStoreFaults, AFileOfAnotherKindIsFound) {
  ASSERT_OK(objects->Put("a", {}));
  ASSERT_OK(WriteText(files.Open("o/a").ValueOrDie().get(), 0, FrontWith(0, 'G')));
  EXPECT_REASON(objects->Get("a").status(), Code::kDataLoss, Reason::kChecksumMismatch);
}

TEST_F(ObjectStoreFaults, TheFormatIsAsDocumented) {
  const std::string front = EncodeObjectFront("a", 0x0102030405060708, AsBytes("content"));
  ASSERT_EQ(front.size(), 40u);
  EXPECT_EQ(front.substr(0, 24), std::string("FOBJ\1\0\0\0\10\7\6\5\4\3\2\1\7\0\0\0\0\0\0\0", 24));
  const auto header_checksum = LoadLe<uint64_t>(&front[24]);
  EXPECT_EQ(header_checksum, Hash64(AsBytes(front).first(24), Hash64(AsBytes("a"))));
  EXPECT_EQ(LoadLe<uint64_t>(&front[32]), Hash64(AsBytes("content"), header_checksum));
}

/// Fail the `failing`th operation (from 0); `failed` is set when that was reached.
void FailOne(MemoryFileSystem* files, int failing, bool* failed) {
  files->SetFaultHook([failing, failed, count = 0](const char*, const std::string&) mutable {
    if (count++ != failing) return Status::OK();
    *failed = true;
    return Error(Code::kResourceExhausted, Reason::kDiskFull, "injected");
  });
}

TEST_F(ObjectStoreFaults, EachCallReportsAFailureOfEachOperation) {
  const std::string long_key(300, 'k');
  using Call = std::function<Status(ObjectStore*)>;
  const std::map<std::string, Call> calls = {
      {"put", [&](ObjectStore* store) { return store->Put(long_key, AsBytes("new")); }},
      {"get", [&](ObjectStore* store) { return store->Get("a").status(); }},
      {"head", [&](ObjectStore* store) { return store->Head("a").status(); }},
      {"remove", [&](ObjectStore* store) { return store->Remove("a"); }},
      {"list", [&](ObjectStore* store) { return store->List("", "", 10).status(); }}};
  ASSERT_OK(objects->Put("a", AsBytes("a")));
  ASSERT_OK(objects->Put("b", AsBytes("b")));
  for (const auto& [name, call] : calls) {
    bool failed = true;
    int failures = 0;
    for (; failed; ++failures) {
      const auto copy = files.Copy();
      const auto store = MakeFolderObjectStore(copy.get(), "o", &clock);
      failed = false;
      FailOne(copy.get(), failures, &failed);
      const Status status = call(store.get());
      copy->SetFaultHook(nullptr);
      EXPECT_EQ(ReasonOf(status), failed ? Reason::kDiskFull : Reason::kNone) << name << status;
      EXPECT_EQ(TextOf(store->Get("b")), "b");
      EXPECT_EQ(call(store.get()), Status::OK()) << name << " can be repeated";
    }
    EXPECT_GE(failures, 3) << name;
  }
}

TEST_F(ObjectStoreFaults, WhatWasAcknowledgedSurvivesAPowerCutAtEachOperation) {
  const std::string first = Pattern(3000, 1), second = Pattern(5000, 2);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    MemoryFileSystem disk;
    const auto store = MakeFolderObjectStore(&disk, "o", &clock);
    ASSERT_OK(store->Put("kept", AsBytes(first)));
    ASSERT_OK(store->Put("a", AsBytes(first)));
    SeededRandom random(seed);
    const auto check = [&](const char* operation, const std::string&) {
      const auto left = disk.PowerCut(&random);
      const auto after = MakeFolderObjectStore(left.get(), "o", &clock);
      EXPECT_EQ(TextOf(after->Get("kept")), first) << operation;
      const auto got = after->Get("a");
      EXPECT_TRUE(TextOf(got) == first || TextOf(got) == second ||
                  ReasonOf(got.status()) == Reason::kObjectNotFound)
          << operation << " " << got.status();
      EXPECT_OK(after->Put("a", AsBytes(second)));
      EXPECT_EQ(TextOf(after->Get("a")), second);
      EXPECT_EQ(Keys(after.get()), "a kept");
      return Status::OK();
    };
    disk.SetFaultHook(check);
    ASSERT_OK(store->Put("a", AsBytes(second)));
    disk.SetFaultHook(nullptr);
    EXPECT_EQ(TextOf(MakeFolderObjectStore(disk.PowerCut(&random).get(), "o", &clock)->Get("a")),
              second);
    disk.SetFaultHook(check);
    ASSERT_OK(store->Remove("a"));
    disk.SetFaultHook(nullptr);
    const auto left = disk.PowerCut(&random);
    EXPECT_EQ(Keys(MakeFolderObjectStore(left.get(), "o", &clock).get()), "kept");
  }
}

TEST_F(ObjectStoreFaults, AnObjectRemovedWhileItIsListedLeavesItsPlaceToTheNext) {
  for (const char* key : {"a", "b", "c"}) ASSERT_OK(objects->Put(key, {}));
  files.SetFaultHook([&](std::string_view operation, const std::string& path) {
    return operation == "open" && path == "o/a" ? files.Remove("o/a") : Status::OK();
  });
  EXPECT_EQ(Keys(objects.get(), "", "", 2), "b c");
}

TEST_F(ObjectStoreFaults, ALongKeySurvivesAPowerCut) {
  const std::string key(1024, 'k');
  for (uint64_t seed = 0; seed < 20; ++seed) {
    MemoryFileSystem disk;
    ASSERT_OK(MakeFolderObjectStore(&disk, "o", &clock)->Put(key, AsBytes("content")));
    SeededRandom random(seed);
    const auto left = disk.PowerCut(&random);
    EXPECT_EQ(TextOf(MakeFolderObjectStore(left.get(), "o", &clock)->Get(key)), "content");
  }
}

TEST_F(ObjectStoreFaults, APutThatDoesNotFitLeavesTheOldObject) {
  ASSERT_OK(objects->Put("a", AsBytes("old")));
  files.SetCapacity(200);
  EXPECT_REASON(objects->Put("a", AsBytes(std::string(200, 'x'))), Code::kResourceExhausted,
                Reason::kDiskFull);
  EXPECT_EQ(TextOf(objects->Get("a")), "old");
  EXPECT_EQ(*Names(&files, "o"), "a");
}

}  // namespace
}  // namespace firth::store
