// Goal: damage to what lies on the disk is named, and never served.
// Method: a database with something of everything is closed. In a copy of its files one file is
// changed: bits flipped, a block zeroed, two blocks swapped, its end cut off, or it is
// gone. Then the database is
// opened and read whole: either an error says which file it is, or everything is as it was.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "firth/common/logging.h"
#include "firth/table/lake.h"
#include "sim/workload.h"

namespace firth::sim {
namespace {

constexpr uint64_t kBlockBytes = 512;
constexpr uint64_t kWorlds = 6;

/// Every file, from the root.
Status ListFiles(store::FileSystem* files, const std::string& folder,
                 std::vector<std::string>* out) {
  ARROW_ASSIGN_OR_RAISE(const auto entries, files->List(folder));
  for (const auto& entry : entries) {
    const std::string path = folder.empty() ? entry.name : folder + "/" + entry.name;
    if (entry.is_folder) {
      ARROW_RETURN_NOT_OK(ListFiles(files, path, out));
    } else if (entry.bytes > 0) {
      out->push_back(path);
    }
  }
  return Status::OK();
}

/// Change one file. Says what was done; empty where the change changes nothing.
Result<std::string> Damage(World* world, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const auto file, world->files->Open(path));
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, file->Size());
  std::string before(bytes, '\0');
  ARROW_RETURN_NOT_OK(file->Read(0, std::as_writable_bytes(std::span(before))));
  std::string after = before;
  const uint64_t blocks = (bytes + kBlockBytes - 1) / kBlockBytes;
  const uint64_t at = Below(&world->random, blocks) * kBlockBytes;
  const uint64_t length = std::min(kBlockBytes, bytes - at);
  std::string what;
  switch (Below(&world->random, 5)) {
    case 0: {
      const uint64_t byte = Below(&world->random, bytes);
      after[byte] = static_cast<char>(after[byte] ^ (1 << Below(&world->random, 8)));
      what = "a bit of byte " + std::to_string(byte);
      break;
    }
    case 1:
      after.replace(at, length, length, '\0');
      what = "zeros at " + std::to_string(at);
      break;
    case 2: {
      const uint64_t other = Below(&world->random, blocks) * kBlockBytes;
      const uint64_t both = std::min(length, bytes - other);
      std::swap_ranges(after.begin() + static_cast<std::ptrdiff_t>(at),
                       after.begin() + static_cast<std::ptrdiff_t>(at + both),
                       after.begin() + static_cast<std::ptrdiff_t>(other));
      what = "swapped " + std::to_string(at) + " and " + std::to_string(other);
      break;
    }
    case 3:
      ARROW_RETURN_NOT_OK(world->files->Remove(path));
      return "removed";
    default:
      after.resize(Below(&world->random, bytes));
      what = "cut at " + std::to_string(after.size());
  }
  if (after == before) return "";
  ARROW_RETURN_NOT_OK(file->Truncate(after.size()));
  ARROW_RETURN_NOT_OK(file->Write(0, {AsBytes(after)}));
  ARROW_RETURN_NOT_OK(file->Sync());
  return what;
}

/// What the lake's files hold, in the order of their tables.
Result<std::string> ReadLake(World* world) {
  std::string text;
  ARROW_ASSIGN_OR_RAISE(const auto tables, world->db->ListTables(world->caller, Path{}));
  for (const auto& table : tables) {
    if ((table->current->spec.views & catalog::kLakeView) == 0) continue;
    if (table->path.segments.front() != kTablesName) continue;
    ARROW_ASSIGN_OR_RAISE(const auto scanner,
                          world->db->lake()->ScanRange(world->caller, {.table = table}));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const auto rows, scanner->Next());
      if (rows == nullptr) break;
      text += rows->ToString();
    }
  }
  return text;
}

struct Seen {
  Model model;
  std::string lake;
};

Result<Seen> ReadAll(World* world) {
  ARROW_RETURN_NOT_OK(world->Open());
  Seen seen;
  ARROW_ASSIGN_OR_RAISE(seen.model, Observe(world));
  ARROW_ASSIGN_OR_RAISE(seen.lake, ReadLake(world));
  return seen;
}

TEST(DamageTest, IsNamedAndNeverServed) {
  logging::SetLevel(logging::Level::kNone);
  const char* chosen = std::getenv("FIRTH_SIM_SEED");
  const uint64_t first = chosen == nullptr ? 1 : std::strtoull(chosen, nullptr, 10);
  uint64_t named = 0;
  uint64_t harmless = 0;
  std::map<std::string, int> kinds;
  for (uint64_t seed = first; seed < first + (chosen == nullptr ? kWorlds : 1); ++seed) {
    World world(seed);
    Candidates candidates{Model{}};
    Workload workload(&world, &candidates);
    ASSERT_TRUE(world.Open().ok());
    for (int step = 0; step < 150; ++step) {
      const Status status = workload.Step();
      ASSERT_TRUE(status.ok()) << "seed " << seed << ": " << status.ToString();
    }
    ASSERT_TRUE(world.db->Close().ok());
    world.Restart();
    const auto whole = world.files->Copy();
    const auto expected = ReadAll(&world);
    ASSERT_TRUE(expected.ok()) << expected.status().ToString();
    std::vector<std::string> paths;
    ASSERT_TRUE(ListFiles(whole.get(), "", &paths).ok());
    for (const std::string& path : paths) {
      for (int round = 0; round < 6; ++round) {
        world.Kill();
        world.RestartOn(whole->Copy());
        const auto what = Damage(&world, path);
        ASSERT_TRUE(what.ok()) << what.status().ToString();
        if (what->empty()) continue;
        const auto seen = ReadAll(&world);
        const std::string about =
            "seed " + std::to_string(seed) + ", " + path + ", " + *what + ": ";
        if (seen.ok()) {
          ++harmless;
          ASSERT_TRUE(seen->model == expected->model)
              << about << "served: " << Difference(expected->model, seen->model);
          ASSERT_EQ(seen->lake, expected->lake) << about << "other rows of the lake were served";
        } else {
          ++named;
          ++kinds[path.substr(0, path.find('/'))];
          const std::string name = path.substr(path.rfind('/') + 1);
          EXPECT_NE(seen.status().ToString().find(name), std::string::npos)
              << about << "not named: " << seen.status().ToString();
        }
      }
    }
  }
  std::cout << named << " damages were named, " << harmless << " did no harm\n";
  for (const auto& [kind, count] : kinds) std::cout << "  " << kind << ": " << count << "\n";
}

}  // namespace
}  // namespace firth::sim
