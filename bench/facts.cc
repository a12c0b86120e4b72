// What the facts of many series cost: memory, finding one, going through a collection, and the
// first start on a catalog that an older version wrote. In this process, on files below a folder.
//
//   FIRTH_BENCH_SERIES (default 1,000,000), FIRTH_BENCH_FOLDER (default /tmp/firth-bench-facts)
//
// A tenth of the series is in one collection, the others are in collections of a hundred.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/text.h"
#include "firth/store/file_system.h"
#include "firth/table/series_facts.h"
#include "measure.h"

namespace {

using namespace firth::bench;  // NOLINT
using namespace firth;         // NOLINT
using namespace firth::table;  // NOLINT

SeriesId IdOf(uint64_t number) {
  std::mt19937_64 random(number);
  SeriesId id;
  for (size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<char>(random());
  return id;
}

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

uint64_t NumberOf(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// The facts of series as an older version wrote them.
void Write(catalog::Catalog* catalog, uint64_t count) {
  std::vector<catalog::ValueChange> changes;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string collection =
        i < count / 10 ? "site/all" : "site/pmu" + std::to_string(i / 100);
    changes.push_back(
        {.name = "series/" + ToHex(IdOf(i).view()),
         .value = R"({"annotations":{"location":"bay 7"},"collection":")" + collection +
                  R"(","property_version":1,"tags":{"distiller":"","ingress":"","name":"C)" +
                  std::to_string(i) + R"(MAG","unit":"amps"},"version":1})"});
    if (changes.size() < 10'000 && i + 1 < count) continue;
    Check(catalog->ChangeValues(changes));
    changes.clear();
  }
}

}  // namespace

int main() {
  const uint64_t count = NumberOf("FIRTH_BENCH_SERIES", 1'000'000);
  const char* named = std::getenv("FIRTH_BENCH_FOLDER");
  const std::string folder = named == nullptr ? "/tmp/firth-bench-facts" : named;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  auto files = store::OpenLocalFileSystem(folder).ValueOrDie();
  SystemClock clock;
  {
    auto catalog = catalog::Catalog::Open({.files = files.get(), .clock = &clock}).ValueOrDie();
    Write(catalog.get(), count);
  }
  auto catalog = catalog::Catalog::Open({.files = files.get(), .clock = &clock}).ValueOrDie();
  const auto row = [&](const char* what, double value, const char* unit) {
    std::printf("%-44s %14.2f %s\n", what, value, unit);
  };
  double cpu = CpuSeconds();
  {
    SeriesFacts facts(catalog.get());
    Check(facts.Open());
    row("first start after an older version", CpuSeconds() - cpu, "s of CPU");
  }
  const double before = static_cast<double>(ResidentBytes());
  cpu = CpuSeconds();
  SeriesFacts facts(catalog.get());
  Check(facts.Open());
  row("start", (CpuSeconds() - cpu) * 1e3, "ms of CPU");
  std::mt19937_64 random(1);
  const int finds = 100'000;
  cpu = CpuSeconds();
  for (int i = 0; i < finds; ++i) {
    if (facts.Find(IdOf(random() % count)).ValueOrDie() == nullptr) return 1;
  }
  row("find one of all", (CpuSeconds() - cpu) * 1e6 / finds, "us of CPU");
  cpu = CpuSeconds();
  for (int i = 0; i < finds; ++i) {
    if (facts.Find(IdOf(random() % 10'000)).ValueOrDie() == nullptr) return 1;
  }
  row("find one of 10,000 in use", (CpuSeconds() - cpu) * 1e6 / finds, "us of CPU");
  uint64_t visited = 0;
  cpu = CpuSeconds();
  Check(facts.VisitCollection(Path{{"site", "all"}}, [&](const SeriesPtr&) -> Result<bool> {
    ++visited;
    return true;
  }));
  row("go through a collection", static_cast<double>(visited), "series");
  row("", (CpuSeconds() - cpu) * 1e6 / static_cast<double>(visited), "us of CPU a series");
  cpu = CpuSeconds();
  const auto collections = facts.Collections("").ValueOrDie();
  row("list collections", static_cast<double>(collections.size()), "collections");
  row("", (CpuSeconds() - cpu) * 1e6 / static_cast<double>(collections.size()),
      "us of CPU a collection");
  row("memory for all that", (static_cast<double>(ResidentBytes()) - before) / 1e6, "MB");
  row("", (static_cast<double>(ResidentBytes()) - before) / static_cast<double>(count),
      "bytes a series");
  return 0;
}
