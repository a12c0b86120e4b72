// Fills the folder of a server that does not run with very many series, each with a few points, as
// if clients had made them: for bench/series_many.py.
//
//   firth_bench_series_many FOLDER SERIES COLLECTIONS
//
// Series i is in collection `many/c<i modulo COLLECTIONS>`, which is there already; its uuid is
// made of the number, and its name, too.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/store/file_system.h"
#include "firth/table/series_facts.h"
#include "firth/timeview/time_view.h"
#include "measure.h"

namespace {

using namespace firth::bench;  // NOLINT
using namespace firth;         // NOLINT
using namespace firth::table;  // NOLINT

constexpr uint64_t kGroup = 10'000;
constexpr uint64_t kMillion = 1'000'000;
constexpr int kPoints = 10;
constexpr int64_t kBase = 1'500'000'000'000'000'000;

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

/// As the script has it: the bytes are spread, so that neighbours lie apart.
SeriesId IdOf(uint64_t number) {
  uint64_t halves[] = {number * 0x9e3779b97f4a7c15u, number};
  return SeriesId::From({reinterpret_cast<const char*>(halves), sizeof halves});
}

/// What was used since it was made.
class Meter {
 public:
  double CpuMicrosEach(uint64_t count) const {
    return (CpuSeconds() - cpu_) * 1e6 / static_cast<double>(count);
  }
  double WrittenEach(uint64_t count) const {
    return static_cast<double>(WrittenBytes() - written_) / static_cast<double>(count);
  }

 private:
  double cpu_ = CpuSeconds();
  int64_t written_ = WrittenBytes();
};

SeriesPtr InfoOf(uint64_t number, uint64_t collections) {
  auto info = std::make_shared<SeriesInfo>();
  info->id = IdOf(number);
  info->collection = Path{{"many", "c" + std::to_string(number % collections)}};
  info->tags = {{"name", "C" + std::to_string(number) + "MAG"},
                {"unit", "amps"},
                {"ingress", ""},
                {"distiller", ""}};
  info->annotations = {{"location", "bay " + std::to_string(number % 97)}};
  return info;
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  const uint64_t series = std::strtoull(words[2], nullptr, 10);
  const uint64_t collections = std::strtoull(words[3], nullptr, 10);
  auto files = store::OpenLocalFileSystem(words[1]).ValueOrDie();
  SystemClock clock;
  auto catalog = catalog::Catalog::Open({.files = files.get(), .clock = &clock}).ValueOrDie();
  SeriesFacts facts(catalog.get());
  Check(facts.Open());
  double cpu = CpuSeconds();
  const Meter meter;
  Meter since;
  std::printf("{\"facts_of_each_million\": [");
  for (uint64_t i = 0; i < series;) {
    std::vector<SeriesPtr> group;
    for (; i < series && group.size() < kGroup; ++i) group.push_back(InfoOf(i, collections));
    Check(facts.PutNew(group));
    if (i % kMillion != 0) continue;
    std::printf("%s{\"cpu_us\": %.3f, \"written_bytes\": %.0f}", i == kMillion ? "" : ", ",
                since.CpuMicrosEach(kMillion), since.WrittenEach(kMillion));
    std::fflush(stdout);
    since = Meter();
  }
  std::printf("], \"facts_cpu_us\": %.3f, \"facts_written_bytes\": %.0f",
              meter.CpuMicrosEach(series), meter.WrittenEach(series));
  auto view =
      timeview::TimeView::Open({.files = files.get(), .file_bytes_max = 64 << 20}).ValueOrDie();
  const CommitId last = catalog->LastCommit().ValueOrDie();
  if (view->watermark() >= last) {
    std::fprintf(stderr, "the folder's time view has commits already\n");
    return 1;
  }
  std::vector<int64_t> times;
  std::vector<double> values;
  for (int i = 0; i < kPoints; ++i) {
    times.push_back(kBase + i * int64_t{1'000'000'000});
    values.push_back(i);
  }
  cpu = CpuSeconds();
  for (uint64_t i = 0; i < series;) {
    std::vector<timeview::Edit> edits;
    for (; i < series && edits.size() < kGroup; ++i) {
      edits.push_back({.series = IdOf(i),
                       .revision = timeview::kEmptyRevision + 1,
                       .commit = last,
                       .times = times,
                       .values = values});
    }
    Check(view->Apply(edits, view->watermark()));
  }
  Check(view->Apply({}, last));
  Check(view->Checkpoint());
  std::printf(", \"written_bytes\": %.0f", meter.WrittenEach(series));
  std::printf(", \"points_cpu_us\": %.3f}\n",
              (CpuSeconds() - cpu) * 1e6 / static_cast<double>(series));
  return 0;
}
