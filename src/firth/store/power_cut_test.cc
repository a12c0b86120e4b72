// Goal: a power cut leaves what the fault model of memory_file_system.h allows, all of it, and
// nothing else. Method: the same state cut with many seeds; what was seen is compared with what may
// be seen.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "firth/store/sector_content.h"
#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

constexpr uint64_t kSeeds = 400;
constexpr uint64_t kSector = SectorContent::kSectorBytes;

/// What `look` sees after each of many power cuts.
std::set<std::string> Seen(const MemoryFileSystem& files,
                           const std::function<std::string(MemoryFileSystem*)>& look) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SeededRandom random(seed);
    seen.insert(look(files.PowerCut(&random).get()));
  }
  return seen;
}

std::string NamesAtRoot(MemoryFileSystem* files) {
  return *Names(files, "");
}
std::string TextOfA(MemoryFileSystem* files) {
  return *ReadAllText(files, "a");
}

/// A file `a` whose name and content are durable.
std::unique_ptr<File> DurableA(MemoryFileSystem* files, std::string_view text) {
  auto file = files->Create("a").ValueOrDie();
  EXPECT_OK(WriteText(file.get(), 0, text));
  EXPECT_OK(file->Sync());
  EXPECT_OK(files->SyncFolder(""));
  return file;
}

using Texts = std::set<std::string>;

TEST(PowerCut, SyncedBytesStay) {
  MemoryFileSystem files;
  const std::string text = Pattern(10'000, 1);
  const auto file = DurableA(&files, text);
  EXPECT_EQ(Seen(files, TextOfA), Texts{text});
}

TEST(PowerCut, LeavesEverythingDurable) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, "");
  ASSERT_OK(WriteText(file.get(), 0, Pattern(3000, 1)));
  ASSERT_OK(MakeFile(&files, "b", "b"));
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SeededRandom random(seed);
    const auto first = files.PowerCut(&random);
    const auto second = first->PowerCut(&random);
    EXPECT_EQ(NamesAtRoot(first.get()), NamesAtRoot(second.get()));
    EXPECT_EQ(TextOfA(first.get()), TextOfA(second.get()));
  }
}

TEST(PowerCut, IsTheSameForTheSameSeed) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, "");
  ASSERT_OK(WriteText(file.get(), 0, Pattern(20'000, 1)));
  for (int i = 0; i < 20; ++i) ASSERT_OK(MakeFile(&files, "b" + std::to_string(i), "b"));
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom one(seed), two(seed);
    const auto first = files.PowerCut(&one);
    const auto second = files.PowerCut(&two);
    EXPECT_EQ(NamesAtRoot(first.get()), NamesAtRoot(second.get()));
    EXPECT_EQ(TextOfA(first.get()), TextOfA(second.get()));
  }
  EXPECT_GT(Seen(files, NamesAtRoot).size(), 300u);
}

TEST(PowerCut, LeavesTheLivingFileSystemAlone) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, "old");
  ASSERT_OK(WriteText(file.get(), 0, "new"));
  SeededRandom random(1);
  const auto left = files.PowerCut(&random);
  ASSERT_OK(WriteText(left->Open("a").ValueOrDie().get(), 0, "xyz"));
  EXPECT_EQ(*ReadAllText(*file), "new");
}

TEST(PowerCut, UnsyncedSectorsAreOldOrNewEachForItself) {
  MemoryFileSystem files;
  const std::string old_text(3 * kSector, 'o');
  const auto file = DurableA(&files, old_text);
  // Two writes of whole sectors; the third sector is the last of a write, and may tear.
  ASSERT_OK(WriteText(file.get(), 0, std::string(3 * kSector, 'n')));
  Texts whole;
  bool torn_seen = false;
  for (const std::string& text : Seen(files, TextOfA)) {
    ASSERT_EQ(text.size(), 3 * kSector);
    std::string shape;
    for (size_t i = 0; i < 3; ++i) {
      const std::string sector = text.substr(i * kSector, kSector);
      const size_t new_bytes = sector.find_first_not_of('n');
      if (sector == std::string(kSector, 'n')) {
        shape += 'n';
      } else if (sector == std::string(kSector, 'o')) {
        shape += 'o';
      } else {
        EXPECT_EQ(i, 2u) << "only the last sector of the write may tear";
        EXPECT_EQ(sector.find_first_not_of('o', new_bytes), sector.npos) << "a prefix is new";
        torn_seen = true;
      }
    }
    if (shape.size() == 3) whole.insert(shape);
  }
  EXPECT_EQ(whole, (Texts{"ooo", "oon", "ono", "onn", "noo", "non", "nno", "nnn"}));
  EXPECT_TRUE(torn_seen);
}

TEST(PowerCut, UnsyncedLengthsAreOldOrNew) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, "old");
  ASSERT_OK(WriteText(file.get(), 2 * kSector, "new"));
  std::set<size_t> lengths;
  bool gap_seen = false;
  for (const std::string& text : Seen(files, TextOfA)) {
    lengths.insert(text.size());
    EXPECT_EQ(text.substr(0, 3), "old");
    gap_seen |= text.size() > 3 && text.substr(2 * kSector) == std::string(3, '\0');
  }
  EXPECT_EQ(lengths, (std::set<size_t>{3, 2 * kSector + 3}));
  EXPECT_TRUE(gap_seen) << "a new length may come without the bytes";
}

TEST(PowerCut, AnUnsyncedReservationIsThereOrNot) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, "old");
  ASSERT_OK(file->Reserve(1000));
  const std::string reserved = "old" + std::string(997, '\0');
  EXPECT_EQ(Seen(files, TextOfA), (Texts{"old", reserved}));
  ASSERT_OK(file->Sync());
  EXPECT_EQ(Seen(files, TextOfA), Texts{reserved});
}

TEST(PowerCut, AnUnsyncedTruncationKeepsAllOrNothing) {
  MemoryFileSystem files;
  const std::string text = Pattern(3000, 1);
  const auto file = DurableA(&files, text);
  ASSERT_OK(file->Truncate(700));
  EXPECT_EQ(Seen(files, TextOfA), (Texts{text, text.substr(0, 700)}));
  ASSERT_OK(file->Sync());
  EXPECT_EQ(Seen(files, TextOfA), Texts{text.substr(0, 700)});
}

TEST(PowerCut, AWriteOverATruncatedTailDoesNotMixWithWhatWasCut) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, std::string(100, 'o'));
  ASSERT_OK(file->Truncate(0));
  ASSERT_OK(file->Sync());
  ASSERT_OK(WriteText(file.get(), 0, std::string(100, 'n')));
  for (const std::string& text : Seen(files, TextOfA)) {
    EXPECT_EQ(text.find('o'), text.npos) << "what was cut durably does not come back";
  }
}

TEST(PowerCut, AFailedSyncLosesWhatALaterOneDoesNotBringBack) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, "old");
  ASSERT_OK(WriteText(file.get(), 0, "new"));
  files.SetFaultHook([](const char* operation, const std::string&) {
    return std::string_view(operation) == "sync"
               ? Error(Code::kUnavailable, Reason::kIo, "injected")
               : Status::OK();
  });
  ASSERT_FALSE(file->Sync().ok());
  files.SetFaultHook(nullptr);
  const auto again = files.Open("a").ValueOrDie();
  ASSERT_OK(again->Sync());
  const Texts seen = Seen(files, TextOfA);
  EXPECT_TRUE(seen.contains("old")) << "the second sync did not save what the first had lost";
  ASSERT_OK(WriteText(again.get(), 0, "new"));
  ASSERT_OK(again->Sync());
  EXPECT_EQ(Seen(files, TextOfA), Texts{"new"});
}

TEST(PowerCut, CreatedNamesComeEachForItself) {
  MemoryFileSystem files;
  ASSERT_OK(MakeFile(&files, "a", ""));
  ASSERT_OK(MakeFile(&files, "b", ""));
  EXPECT_EQ(Seen(files, NamesAtRoot), (Texts{"", "a", "b", "a b"}));
  ASSERT_OK(files.SyncFolder(""));
  EXPECT_EQ(Seen(files, NamesAtRoot), Texts{"a b"});
}

TEST(PowerCut, RemovedNamesGoEachForItself) {
  MemoryFileSystem files;
  ASSERT_OK(MakeFile(&files, "a", ""));
  ASSERT_OK(MakeFile(&files, "b", ""));
  ASSERT_OK(files.SyncFolder(""));
  ASSERT_OK(files.Remove("a"));
  ASSERT_OK(files.Remove("b"));
  EXPECT_EQ(Seen(files, NamesAtRoot), (Texts{"", "a", "b", "a b"}));
  ASSERT_OK(files.SyncFolder(""));
  EXPECT_EQ(Seen(files, NamesAtRoot), Texts{""});
}

TEST(PowerCut, ARenameHappensOrNotAndNeverLosesTheFile) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, "x");
  ASSERT_OK(files.Rename("a", "b"));
  EXPECT_EQ(Seen(files, NamesAtRoot), (Texts{"a", "b"}));
  ASSERT_OK(files.SyncFolder(""));
  EXPECT_EQ(Seen(files, NamesAtRoot), Texts{"b"});
  EXPECT_EQ(Seen(files, [](auto* left) { return *ReadAllText(left, "b"); }), Texts{"x"});
}

TEST(PowerCut, ARenameThatReplacesLeavesTheOldOrTheNewFile) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, "old");
  ASSERT_OK(MakeFile(&files, "b", "new"));
  ASSERT_OK(files.Open("b").ValueOrDie()->Sync());
  ASSERT_OK(files.Rename("b", "a"));
  EXPECT_EQ(Seen(files, TextOfA), (Texts{"old", "new"}));
}

TEST(PowerCut, ARenameBetweenFoldersIsDurableWithItsNewFolder) {
  MemoryFileSystem files;
  ASSERT_OK(MakeFolderDurably(&files, "f"));
  ASSERT_OK(MakeFolderDurably(&files, "g"));
  ASSERT_OK(MakeFile(&files, "f/a", ""));
  ASSERT_OK(files.SyncFolder("f"));
  ASSERT_OK(files.Rename("f/a", "g/b"));
  const auto look = [](auto* left) { return *Names(left, "f") + "|" + *Names(left, "g"); };
  EXPECT_EQ(Seen(files, look), (Texts{"a|", "|b"}));
  ASSERT_OK(files.SyncFolder("f"));
  EXPECT_EQ(Seen(files, look), (Texts{"a|", "|b"})) << "the old folder alone does not settle it";
  ASSERT_OK(files.SyncFolder("g"));
  EXPECT_EQ(Seen(files, look), (Texts{"a|b", "|b"})) << "the old name may still be there";
  ASSERT_OK(files.SyncFolder("f"));
  EXPECT_EQ(Seen(files, look), Texts{"|b"});
}

TEST(PowerCut, ANameTakenAfterARenameIsNotLostWithIt) {
  MemoryFileSystem files;
  ASSERT_OK(MakeFolderDurably(&files, "f"));
  ASSERT_OK(MakeFile(&files, "f/a", ""));
  ASSERT_OK(files.SyncFolder("f"));
  ASSERT_OK(files.Rename("f/a", "b"));
  ASSERT_OK(MakeFile(&files, "f/a", ""));
  ASSERT_OK(files.SyncFolder("f"));
  const auto look = [](auto* left) { return *Names(left, "f") + "|" + *Names(left, ""); };
  EXPECT_EQ(Seen(files, look), (Texts{"a|f/", "a|b f/"}));
  ASSERT_OK(files.SyncFolder(""));
  ASSERT_OK(files.SyncFolder("f"));
  EXPECT_EQ(Seen(files, look), Texts{"a|b f/"});
}

TEST(PowerCut, AFileThatIsLeftWithTwoNamesTakesRoomOnce) {
  MemoryFileSystem files;
  files.SetCapacity(1000);
  ASSERT_OK(MakeFolderDurably(&files, "f"));
  const auto file = DurableA(&files, std::string(300, 'a'));
  ASSERT_OK(files.Rename("a", "f/b"));
  ASSERT_OK(files.SyncFolder("f"));
  int twice = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SeededRandom random(seed);
    const auto left = files.PowerCut(&random);
    EXPECT_EQ(*left->FreeBytes(), 700u);
    if (!*left->Exists("a")) continue;
    ++twice;
    ASSERT_OK(left->Remove("a"));
    EXPECT_EQ(*left->FreeBytes(), 700u);
    ASSERT_OK(left->Remove("f/b"));
    EXPECT_EQ(*left->FreeBytes(), 1000u);
  }
  EXPECT_GT(twice, 0);
}

TEST(PowerCut, ANameTakenAgainIsNotLostWithItsFormerFile) {
  MemoryFileSystem files;
  const auto file = DurableA(&files, "first");
  ASSERT_OK(files.Remove("a"));
  ASSERT_OK(MakeFile(&files, "a", "second"));
  ASSERT_OK(files.Open("a").ValueOrDie()->Sync());
  const auto look = [](auto* left) { return *left->Exists("a") ? TextOfA(left) : "none"; };
  EXPECT_EQ(Seen(files, look), (Texts{"first", "second", "none"}));
  ASSERT_OK(files.SyncFolder(""));
  EXPECT_EQ(Seen(files, look), Texts{"second"});
}

TEST(PowerCut, ADurableNameDoesNotMakeItsContentDurable) {
  MemoryFileSystem files;
  ASSERT_OK(MakeFile(&files, "a", "x"));
  ASSERT_OK(files.SyncFolder(""));
  const std::string zero(1, '\0');
  EXPECT_EQ(Seen(files, TextOfA), (Texts{"", zero, "x"}));
}

TEST(PowerCut, DurableContentDoesNotMakeItsNameDurable) {
  MemoryFileSystem files;
  ASSERT_OK(MakeFile(&files, "a", "x"));
  ASSERT_OK(files.Open("a").ValueOrDie()->Sync());
  EXPECT_EQ(Seen(files, NamesAtRoot), (Texts{"", "a"}));
}

TEST(PowerCut, AFolderIsLostWithAllItHoldsUntilItsNameIsDurable) {
  MemoryFileSystem files;
  ASSERT_OK(files.MakeFolder("f/g"));
  ASSERT_OK(MakeFile(&files, "f/g/a", ""));
  ASSERT_OK(files.SyncFolder("f/g"));
  const auto look = [](auto* left) -> std::string {
    return *left->Exists("f/g/a") ? "all" : *left->Exists("f") ? "f" : "none";
  };
  EXPECT_EQ(Seen(files, look), (Texts{"all", "f", "none"}));
  ASSERT_OK(files.SyncFolder("f"));
  EXPECT_EQ(Seen(files, look), (Texts{"all", "none"}));
  ASSERT_OK(files.SyncFolder(""));
  EXPECT_EQ(Seen(files, look), Texts{"all"});
}

TEST(PowerCut, TakesRoomOnlyForWhatIsLeft) {
  MemoryFileSystem files;
  files.SetCapacity(1000);
  const auto file = DurableA(&files, std::string(300, 'a'));
  ASSERT_OK(files.Remove("a"));
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SeededRandom random(seed);
    const auto left = files.PowerCut(&random);
    seen.insert(*left->FreeBytes());
    ASSERT_OK(left->Remove("a"));
    EXPECT_EQ(*left->FreeBytes(), 1000u);
  }
  EXPECT_EQ(seen, (std::set<uint64_t>{700, 1000}));
}

/// Byte `i` of `text`, or zero past its end.
char At(const std::string& text, size_t i) {
  return i < text.size() ? text[i] : '\0';
}

RC_GTEST_PROP(PowerCutProperty, EachByteIsOfTheLastSyncOrOfAWriteSince, (uint64_t seed)) {
  MemoryFileSystem files;
  const auto file = files.Create("a").ValueOrDie();
  RC_ASSERT(files.SyncFolder("").ok());
  std::vector<std::string> versions = {""};  // at the last sync, then after each operation since
  const auto operations = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 5));
  for (const int operation : operations) {
    const auto at = *rc::gen::inRange<size_t>(0, 3000);
    const auto bytes = *rc::gen::inRange<size_t>(0, 2000);
    if (operation <= 1) RC_ASSERT(WriteText(file.get(), at, Pattern(bytes, at)).ok());
    if (operation == 2) RC_ASSERT(file->Truncate(at).ok());
    if (operation == 3) RC_ASSERT(file->Reserve(at).ok());
    if (operation == 4) RC_ASSERT(file->Sync().ok());
    if (operation == 4) versions.clear();
    versions.push_back(*ReadAllText(*file));
  }
  SeededRandom random(seed);
  const std::string left = TextOfA(files.PowerCut(&random).get());
  RC_ASSERT(left.size() == versions.front().size() || left.size() == versions.back().size());
  for (size_t i = 0; i < left.size(); ++i) {
    RC_ASSERT(left[i] == At(versions.front(), i) || left[i] == At(versions.back(), i));
  }
}

}  // namespace
}  // namespace firth::store
