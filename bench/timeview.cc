// What the time view costs: points in, in and out of order; bytes a point; zooming and finding with
// warm and cold caches; raw reads; one series and many. In this process, on files below a folder.
//
//   FIRTH_BENCH_POINTS (default 20,000,000), FIRTH_BENCH_SERIES (default 1,000,000),
//   FIRTH_BENCH_FOLDER (default /tmp/firth-bench-timeview),
//   FIRTH_BENCH_PARTS (default all: late, many, spread, steady, idle, warm, cold, disk, raw, after
//   points in order; warm, cold and disk are windows and nearest points; spread or steady alone
//   goes without)
//   FIRTH_BENCH_SPANS (default all: 1 s, 1 min, 1 h, 1 d, all but 1 %) of windows
//   FIRTH_BENCH_SPREAD (default 100000x1000): so many series of so many points; steady: that many
//   series, to which points come in turn, one at a time and a hundred at a time
//   FIRTH_BENCH_EDIT (default a tenth of a series, 100 to 1,000): points of an edit of these
//   FIRTH_BENCH_TOGETHER (default all): so many of these series are written to in turn, until they
//   have all their points; then as many others are. So the work of few series at a time and of many
//   is compared at equal series, points, edits and checkpoints.
//   FIRTH_BENCH_KEEP (default none: the folder is removed; with it the points in order stay there
//   and are taken from there the next time)
//
// Rates are per second of this process's CPU time, since other things run beside it; latencies are
// of the wall clock. Points look like a phasor measurement unit's: 120 a second, float32 in
// doubles.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/store/file_system.h"
#include "firth/timeview/helpers.h"
#include "firth/timeview/time_view.h"
#include "measure.h"

namespace {

using namespace firth::bench;     // NOLINT
using namespace firth;            // NOLINT
using namespace firth::timeview;  // NOLINT

constexpr int64_t kBegin = 1'500'000'000'000'000'000;
constexpr size_t kBatch = 50'000;
/// Where there are many series: points of an edit, and of a checkpoint.
constexpr size_t kManyEdit = 1'000;
constexpr uint64_t kManyBetween = 4'000'000;

double WallMicros() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Points of a voltage's magnitude: slow drift, noise of an instrument, float32.
class Phasor {
 public:
  explicit Phasor(uint64_t seed) : random_(seed) {}

  void Next(size_t count, std::vector<int64_t>* times, std::vector<double>* values) {
    times->clear();
    values->clear();
    for (size_t i = 0; i < count; ++i, ++at_) {
      times->push_back(TimeOf(at_));
      drift_ += 0.002 * normal_(random_) - 0.00001 * drift_;
      values->push_back(static_cast<float>(7200.0 + 10.0 * drift_ + 0.05 * normal_(random_)));
    }
  }
  static int64_t TimeOf(uint64_t i) {
    return kBegin + static_cast<int64_t>(i * 1'000'000'000 / 120);
  }

 private:
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  double drift_ = 0;
  uint64_t at_ = 0;
};

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}
template <typename T>
T Check(Result<T> result) {
  Check(result.status());
  return std::move(*result);
}

SeriesId Series(uint32_t number) {
  SeriesId id;
  std::memcpy(id.bytes.data(), &number, sizeof number);
  return id;
}

class Bench {
 public:
  Bench(std::string folder, uint64_t points, uint64_t series)
      : folder_(std::move(folder)), points_(points), series_(series) {}

  void Run() {
    const bool keep = std::getenv("FIRTH_BENCH_KEEP") != nullptr;
    const bool kept = keep && std::filesystem::exists(folder_ + "/ordered");
    if (!kept) std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    files_ = Check(store::OpenLocalFileSystem(folder_));
    if (Wanted("spread")) SpreadOver(std::getenv("FIRTH_BENCH_SPREAD"));
    if (Wanted("steady")) Steady(std::getenv("FIRTH_BENCH_SPREAD"));
    const char* parts = std::getenv("FIRTH_BENCH_PARTS");
    if (parts != nullptr && (std::string(parts) == "spread" || std::string(parts) == "steady")) {
      return;
    }
    const double in_order = kept ? 0 : Insert("in order", 0);
    if (Wanted("late")) {
      const double mixed = Insert("30 % out of order", 0.3);
      Report("cost of 30 % out of order", mixed / in_order, "x", "<= 1.3");
    }
    if (Wanted("many")) Many();
    if (Wanted("idle")) Idle();
    if (Wanted("warm")) Zoom("warm", true);
    if (Wanted("cold")) Zoom("cold", false);
    from_disk_ = true;
    if (Wanted("disk")) Zoom("cold from the disk", false);
    if (Wanted("raw")) Raw();
    std::printf("resident at the end: %lld MB\n", static_cast<long long>(ResidentBytes() >> 20));
    if (!keep) std::filesystem::remove_all(folder_);
  }

 private:
  static bool Wanted(const std::string& part) {
    const char* parts = std::getenv("FIRTH_BENCH_PARTS");
    return parts == nullptr || std::string(parts).find(part) != std::string::npos;
  }

  static bool SpanWanted(const std::string& span) {
    const char* spans = std::getenv("FIRTH_BENCH_SPANS");
    return spans == nullptr || std::string(spans).find(span) != std::string::npos;
  }

  static void Report(const std::string& what, double value, const char* unit, const char* wanted) {
    std::printf("%-48s %12.3f %-12s %s\n", what.c_str(), value, unit, wanted);
    std::fflush(stdout);
  }

  std::unique_ptr<TimeView> Open(const std::string& name,
                                 uint64_t cache = TimeViewOptions().node_cache_bytes) {
    TimeViewOptions options;
    options.files = files_.get();
    options.folder = name;
    options.node_cache_bytes = cache;
    auto view = Check(TimeView::Open(options));
    SetHelpers(view.get(), &helpers_);
    return view;
  }

  /// CPU seconds a point.
  double Insert(const std::string& name, double late) {
    auto view = Open(late > 0 ? "mixed" : "ordered");
    Phasor phasor(1);
    std::mt19937_64 random(2);
    std::vector<int64_t> times, held_times;
    std::vector<double> values, held_values;
    int64_t revision = kEmptyRevision;
    double cpu = 0;
    for (uint64_t done = 0; done < points_; done += kBatch) {
      phasor.Next(kBatch, &times, &values);
      if (late > 0) {
        // Some come with the next batch.
        std::vector<int64_t> now_times = std::exchange(held_times, {});
        std::vector<double> now_values = std::exchange(held_values, {});
        for (size_t i = 0; i < times.size(); ++i) {
          const bool later = random() % 1000 < static_cast<uint64_t>(late * 1000);
          (later ? held_times : now_times).push_back(times[i]);
          (later ? held_values : now_values).push_back(values[i]);
        }
        times = std::move(now_times);
        values = std::move(now_values);
      }
      const double begin = CpuSeconds();
      Edit edit;
      edit.series = Series(1);
      edit.revision = ++revision;
      edit.commit = CommitId(revision);
      edit.times = times;
      edit.values = values;
      Check(view->Apply({&edit, 1}, edit.commit));
      if ((revision % 80) == 0) Check(view->Checkpoint());
      cpu += CpuSeconds() - begin;
    }
    const double begin = CpuSeconds();
    Check(view->Checkpoint());
    cpu += CpuSeconds() - begin;
    const auto points = static_cast<double>(points_);
    Report("insert " + name, points / cpu / 1e6, "M points/s", ">= 5");
    const auto stats = view->Stats();
    Report("bytes in files " + name, static_cast<double>(stats.file_bytes) / points, "B/point",
           late > 0 ? "" : "<= 6");
    Report("bytes that live " + name,
           static_cast<double>(stats.file_bytes - stats.dead_bytes) / points, "B/point", "<= 6");
    return cpu / points;
  }

  /// Cost a point by how many there are and over how many series they are spread: written in turn,
  /// 1,000 points at a time (a few edits each, where there are fewer), with a checkpoint for each
  /// four million points.
  void Many() {
    double first = 0;
    for (uint64_t points = std::min<uint64_t>(points_, 1'000'000); points <= points_;
         points *= 10) {
      for (uint64_t series = 1; series <= 100'000; series *= 10) {
        const uint64_t each = points / series;
        if (each < 100) continue;
        const size_t count = std::min<size_t>(kManyEdit, std::max<size_t>(100, each / 10));
        const double cpu = Spread(series, each, count, kManyBetween).point;
        if (first == 0) first = cpu;
        Report(std::to_string(points) + " points, " + std::to_string(series) + " series of " +
                   std::to_string(each),
               1 / cpu / 1e6, "M points/s", "");
        Report("  cost of the first of this table, times", cpu / first, "x", "flat");
        Report("  resident", static_cast<double>(ResidentBytes() >> 20), "MB", "");
      }
    }
  }

  void SpreadOver(const char* how) {
    const std::string text = how == nullptr ? "100000x1000" : how;
    const size_t by = text.find('x');
    const uint64_t series = std::stoull(text.substr(0, by));
    const uint64_t each = std::stoull(text.substr(by + 1));
    const char* edit = std::getenv("FIRTH_BENCH_EDIT");
    const size_t count = edit != nullptr
                             ? std::stoull(edit)
                             : std::min<size_t>(kManyEdit, std::max<size_t>(100, each / 10));
    const char* together = std::getenv("FIRTH_BENCH_TOGETHER");
    const Cost cost = Spread(series, each, count, kManyBetween,
                             together == nullptr ? series : std::stoull(together));
    Report(text + " points", 1 / cost.point / 1e6, "M points/s", "");
    Report("  written", cost.written_bytes, "B/point", "");
    Report("  a series", cost.point * static_cast<double>(each) * 1e6, "us of CPU", "");
    Report("  of these, to make it with " + std::to_string(count) + " points", cost.first * 1e6,
           "us of CPU", "");
    if (each > count) {
      Report("  then", static_cast<double>(each - count) / (cost.later * 1e6), "M points/s", "");
    }
    Report("  resident", static_cast<double>(ResidentBytes() >> 20), "MB", "");
  }

  /// What sensors do: series that are there, each of which gets a few points in its turn.
  void Steady(const char* how) {
    const uint64_t series = how == nullptr ? 100'000 : std::stoull(how);
    for (const size_t count : {size_t{1}, size_t{100}}) {
      const uint64_t rounds = count == 1 ? 200 : 20;
      const Cost cost = Spread(series, rounds * count, count, kManyBetween);
      const std::string text =
          std::to_string(series) + " series in turn, points at a time: " + std::to_string(count);
      const auto edits = static_cast<double>(rounds - 1);
      Report(text, cost.later * 1e6 / edits, "us of CPU", "");
      Report("  that is", edits * static_cast<double>(count) / (cost.later * 1e6), "M points/s",
             "");
      Report("  the first time", cost.first * 1e6, "us of CPU", "");
      Report("  resident", static_cast<double>(ResidentBytes() >> 20), "MB", "");
    }
  }

  /// CPU seconds: of a point, all together; of a series, its first edit and all later ones. Bytes
  /// of a point that were written.
  struct Cost {
    double point = 0;
    double first = 0;
    double later = 0;
    double written_bytes = 0;
  };
  /// Give each series so many points, `count` at a time, with a checkpoint for each `between` of
  /// them and at the end. `together` series are written to in turn.
  Cost Spread(uint64_t series, uint64_t each, size_t count, uint64_t between,
              uint64_t together = UINT64_MAX) {
    std::filesystem::remove_all(folder_ + "/many");
    auto view = Open("many");
    std::vector<int64_t> times;
    std::vector<double> values;
    int64_t commit = 0;
    uint64_t since = 0;
    double first = 0;
    double cpu = 0;
    for (uint64_t group = 0; group < series; group += std::min(together, series - group)) {
      Phasor phasor(3);
      const uint64_t group_end = group + std::min(together, series - group);
      for (uint64_t done = 0; done < each; done += count) {
        phasor.Next(count, &times, &values);
        const double begin = CpuSeconds();
        for (uint64_t i = group; i < group_end; ++i) {
          Edit edit;
          edit.series = Series(static_cast<uint32_t>(i));
          edit.revision = kEmptyRevision + 1 + static_cast<int64_t>(done / count);
          edit.commit = CommitId(++commit);
          edit.times = times;
          edit.values = values;
          Check(view->Apply({&edit, 1}, edit.commit));
          since += count;
          if (since < between) continue;
          since = 0;
          Check(view->Checkpoint());
        }
        const double took = CpuSeconds() - begin;
        cpu += took;
        if (done == 0) first += took;
      }
    }
    const double begin = CpuSeconds();
    Check(view->Checkpoint());
    cpu += CpuSeconds() - begin;
    const auto all = static_cast<double>(series);
    const double points = static_cast<double>((each + count - 1) / count * count) * all;
    return {.point = cpu / points,
            .first = first / all,
            .later = (cpu - first) / all,
            .written_bytes = static_cast<double>(view->Stats().written_bytes) / points};
  }

  /// Very many series that were written to once: memory is to follow those in use.
  void Idle() {
    const int64_t before = ResidentBytes() >> 20;
    const double begin = CpuSeconds();
    {
      auto view = Open("idle");
      Phasor phasor(5);
      std::vector<int64_t> times;
      std::vector<double> values;
      phasor.Next(10, &times, &values);
      for (uint64_t i = 0; i < series_; ++i) {
        Edit edit;
        edit.series = Series(static_cast<uint32_t>(i * 2654435761u));
        edit.revision = kEmptyRevision + 1;
        edit.commit = CommitId(static_cast<int64_t>(i + 1));
        edit.times = times;
        edit.values = values;
        Check(view->Apply({&edit, 1}, edit.commit));
        if (i % 250'000 == 249'999) Check(view->Checkpoint());
      }
      Check(view->Checkpoint());
    }
    Report("series made, ten points each, a second",
           static_cast<double>(series_) / (CpuSeconds() - begin) / 1e6, "M", "");
    auto view = Open("idle");
    const int64_t opened = ResidentBytes() >> 20;
    std::mt19937_64 random(6);
    std::vector<double> micros;
    for (int i = 0; i < 1000; ++i) {
      const auto number = static_cast<uint32_t>(random() % series_ * 2654435761u);
      const double start = WallMicros();
      Check(Check(view->Pin(Series(number), kLatestRevision)).Nearest(kBegin, Direction::kForward));
      micros.push_back(WallMicros() - start);
    }
    std::sort(micros.begin(), micros.end());
    Report("resident more with " + std::to_string(series_) + " idle series",
           static_cast<double>(opened - before), "MB", "");
    Report("first look at an idle series, p50", micros[500] / 1000, "ms", "");
  }

  void Zoom(const std::string& name, bool again) {
    constexpr uint64_t kCache = uint64_t{256} << 20;
    auto view = Open("ordered", kCache);
    const int64_t all = Phasor::TimeOf(points_) - kBegin;
    std::mt19937_64 random(4);
    for (const auto& [span, text] :
         std::vector<std::pair<int64_t, std::string>>{{1'000'000'000, "1 s"},
                                                      {60'000'000'000, "1 min"},
                                                      {3'600'000'000'000, "1 h"},
                                                      {24 * 3'600'000'000'000, "1 d"},
                                                      // Its windows end in other leaves each time.
                                                      {all / 100 * 99, "all but 1 %"}}) {
      if (span > all || !SpanWanted(text)) continue;
      std::vector<double> micros;
      double cpu = 0;
      for (int i = 0; i < (again ? 400 : 100); ++i) {
        if (!again) {
          view.reset();
          if (from_disk_) ForgetPages(folder_ + "/ordered");
          view = Open("ordered", kCache);
        }
        const auto room = static_cast<uint64_t>(all - span);
        const int64_t start = kBegin + (room == 0 ? 0 : static_cast<int64_t>(random() % room));
        WindowBatch batch;
        // Warm is what was looked at just before.
        for (int look = again ? 0 : 1; look < 2; ++look) {
          const double cpu_begin = CpuSeconds();
          const double begin = WallMicros();
          auto cursor =
              Check(Check(view->Pin(Series(1), kLatestRevision))
                        .Windows(start, start + span, static_cast<uint64_t>(span / 1000)));
          Check(cursor->Next(1000, &batch));
          if (look == 0) continue;
          micros.push_back(WallMicros() - begin);
          cpu += CpuSeconds() - cpu_begin;
        }
      }
      std::sort(micros.begin(), micros.end());
      Report("1,000 windows of " + text + ", " + name + ", p50", micros[micros.size() / 2] / 1000,
             "ms", "");
      Report("1,000 windows of " + text + ", " + name + ", p99",
             micros[micros.size() * 99 / 100] / 1000, "ms", again ? "<= 3" : "<= 20");
      Report("1,000 windows of " + text + ", " + name + ", mean",
             cpu * 1000 / static_cast<double>(micros.size()), "ms of CPU", "");
    }
    std::vector<double> micros;
    for (int i = 0; i < 1000; ++i) {
      const int64_t time = kBegin + static_cast<int64_t>(random() % static_cast<uint64_t>(all));
      const double begin = WallMicros();
      Check(Check(view->Pin(Series(1), kLatestRevision)).Nearest(time, Direction::kForward));
      micros.push_back(WallMicros() - begin);
    }
    std::sort(micros.begin(), micros.end());
    Report("nearest, " + name + ", p99", micros[990] / 1000, "ms", "<= 1");
  }

  /// Make the system's cache forget the files of a folder, which are at rest.
  static void ForgetPages(const std::string& folder) {
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      const int fd = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) continue;
      ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
      ::close(fd);
    }
  }

  void Raw() {
    auto view = Open("ordered");
    const double begin = CpuSeconds();
    auto cursor = Check(Check(view->Pin(Series(1), kLatestRevision)).Points(kTimeMin, kTimeTop));
    PointBatch batch;
    uint64_t points = 0;
    do {
      Check(cursor->Next(20'000, &batch));
      points += batch.size();
    } while (batch.size() > 0);
    Report("raw reads", static_cast<double>(points) / (CpuSeconds() - begin) / 1e6, "M points/s",
           ">= 20");
  }

  const std::string folder_;
  const uint64_t points_;
  const uint64_t series_;
  std::unique_ptr<store::FileSystem> files_;
  SystemClock clock_;
  ThreadPool helpers_{"helper", 2, &clock_};
  bool from_disk_ = false;
};

}  // namespace

int main() {
  const char* points = std::getenv("FIRTH_BENCH_POINTS");
  const char* series = std::getenv("FIRTH_BENCH_SERIES");
  const char* folder = std::getenv("FIRTH_BENCH_FOLDER");
  Bench(folder != nullptr ? folder : "/tmp/firth-bench-timeview",
        points != nullptr ? std::strtoull(points, nullptr, 10) : 20'000'000,
        series != nullptr ? std::strtoull(series, nullptr, 10) : 1'000'000)
      .Run();
}
