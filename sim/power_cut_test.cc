// Goal: whatever was acknowledged is there after a power cut, once and in order; nothing is there
// that was never sent; what a reader saw keeps its place; a write is there wholly or not at all, in
// every table that it touched. Method: random work on a Database over a disk in memory, in one
// thread, from a seed. The power goes at a random operation on the disk, during work or during the
// recovery from the cut before; what was not synced is dropped, torn or kept at random, names too.
// The database is opened on what is left, read whole, and compared with what may be there. It then
// lives on until the next cut.
//
// FIRTH_SIM_CUTS says how many cuts, FIRTH_SIM_SEED gives the first seed; each world has its own,
// which is printed when something is wrong, and gives the same again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "firth/common/logging.h"
#include "firth/common/sanitizer.h"
#include "sim/cut_points.h"
#include "sim/workload.h"

namespace firth::sim {
namespace {

constexpr uint64_t kCuts = 20'000;
constexpr uint64_t kCutsOfAWorld = 50;
constexpr uint64_t kCutsOfACuriousWorld = 150;
constexpr uint64_t kCuriousOneIn = 5;
constexpr size_t kRowsMax = 600;
constexpr uint64_t kWorldsMore = 60;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// One world from its beginning: cuts, restarts, checks.
class Story {
 public:
  /// With `wanted`, the power goes only at these points, while there are others to be met by count.
  Story(uint64_t seed, CutPoints* points, std::map<uint64_t, std::string> wanted) : world_(seed) {
    world_.curious = seed % kCuriousOneIn == 0 || !wanted.empty();
    world_.wanted = std::move(wanted);
    world_.place = [points] { return points->Visit(); };
    world_.met_at = [points](uint64_t at) { points->Cut(at); };
  }

  Status Go() {
    const uint64_t enough = world_.curious ? kCutsOfACuriousWorld : kCutsOfAWorld;
    while (cuts_ < enough && rows_ < kRowsMax) {
      // Other errors than these are those of the disk, on the way to a read.
      const Status status = Live();
      if (!status.ok() && (!world_.dead() || status.IsUnknownError())) return status;
      if (!world_.met()) return world_.fatal.ok() ? Status::UnknownError("no end") : world_.fatal;
      world_.Disarm();
      world_.Restart();
      ++cuts_;
    }
    return Status::OK();
  }
  uint64_t cuts() const { return cuts_; }
  const std::map<std::string, uint64_t>& done() const { return workload_.done(); }

 private:
  /// From one cut to the next.
  Status Live() {
    // What is on the disk is the same at a read as at the change after it: few are cut at. One cut
    // in four falls into the recovery, the others anywhere behind it.
    const bool reads = Below(&world_.random, 10) == 0;
    const bool early = Below(&world_.random, 4) == 0;
    if (early || world_.curious) {
      world_.Arm(Fault::kPowerCut, Below(&world_.random, reads ? 30 : 8), reads);
    }
    ARROW_RETURN_NOT_OK(world_.Open());
    if (!world_.curious) world_.Disarm();
    ARROW_RETURN_NOT_OK(workload_.Check(/*restarted=*/true));
    ARROW_RETURN_NOT_OK(workload_.RepeatLast());
    if (!world_.curious)
      world_.Arm(Fault::kPowerCut, Below(&world_.random, reads ? 60 : 24), reads);
    for (int step = 0; step < kStepsMax; ++step) {
      if (world_.dead()) break;
      ARROW_RETURN_NOT_OK(workload_.Step());
    }
    rows_ = 0;
    for (const auto& [path, table] : candidates_.newest().tables) rows_ += table.rows();
    // A curious world has seen everything: the end comes as to others.
    if (!world_.dead() && world_.curious) {
      world_.curious = false;
      world_.Arm(Fault::kPowerCut, 0, /*reads=*/false);
      while (!world_.dead()) ARROW_RETURN_NOT_OK(workload_.Step());
      world_.curious = true;
    }
    return Status::OK();
  }

  static constexpr int kStepsMax = 60;

  World world_;
  Candidates candidates_{Model{}};
  Workload workload_{&world_, &candidates_};
  uint64_t cuts_ = 0;
  size_t rows_ = 0;
};

/// Worlds one after another, by several threads.
class Worlds {
 public:
  Worlds(uint64_t first_seed, uint64_t cuts_wanted)
      : first_seed_(first_seed), cuts_wanted_(cuts_wanted), next_seed_(first_seed) {}

  void Go() {
    std::vector<std::thread> threads;
    const uint64_t count =
        FromEnvironment("FIRTH_SIM_THREADS", std::thread::hardware_concurrency());
    for (uint64_t i = 1; i < count; ++i) threads.emplace_back([this] { Work(); });
    Work();
    for (auto& thread : threads) thread.join();
  }
  /// More worlds, in which the power goes only where it never went.
  void SeekMissing() {
    auto wanted = points_.NeverCut();
    for (uint64_t i = 0; i < kWorldsMore && !wanted.empty(); ++i) {
      One(next_seed_++, wanted);
      wanted = points_.NeverCut();
    }
  }
  /// The places at which the power never went.
  std::vector<std::string> Missing() {
    std::vector<std::string> missing;
    places_ = points_.Places();
    for (const auto& [place, count] : places_) {
      if (count.cuts == 0) missing.push_back(place);
    }
    return missing;
  }
  void Print() {
    std::cout << cuts_ << " power cuts in worlds " << first_seed_ << " to " << next_seed_ - 1
              << "\n";
    for (const auto& [what, times] : done_) std::cout << "  " << what << ": " << times << "\n";
    std::cout << points_.distinct() << " distinct cut points, from " << places_.size()
              << " places in the code that use the disk\n";
    if (std::getenv("FIRTH_SIM_PLACES") == nullptr) return;
    for (const auto& [place, count] : places_) {
      std::cout << "  " << place << ": " << count.cuts << " of " << count.visits << "\n";
    }
  }

 private:
  void Work() {
    while (true) {
      uint64_t seed;
      {
        std::lock_guard lock(mutex_);
        if (cuts_ >= cuts_wanted_ || ::testing::Test::HasFailure()) return;
        seed = next_seed_++;
      }
      One(seed, {});
    }
  }
  void One(uint64_t seed, const std::map<uint64_t, std::string>& wanted) {
    Story story(seed, &points_, wanted);
    const Status status = story.Go();
    std::lock_guard lock(mutex_);
    cuts_ += story.cuts();
    for (const auto& [what, count] : story.done()) done_[what] += count;
    if (!status.ok()) {
      ADD_FAILURE() << "FIRTH_SIM_SEED=" << seed << " FIRTH_SIM_CUTS=1, after " << story.cuts()
                    << " cuts: " << status.ToString()
                    << (wanted.empty() ? "" : " (seeking: by FIRTH_SIM_THREADS=1 and all worlds)");
    }
  }

  const uint64_t first_seed_;
  const uint64_t cuts_wanted_;
  CutPoints points_;
  std::map<std::string, CutPoints::Count> places_;
  std::mutex mutex_;
  uint64_t next_seed_;                    // guarded by mutex_
  uint64_t cuts_ = 0;                     // guarded by mutex_
  std::map<std::string, uint64_t> done_;  // guarded by mutex_
};

TEST(PowerCutTest, NothingAcknowledgedIsLost) {
  const uint64_t wanted = FromEnvironment("FIRTH_SIM_CUTS", UnlessSanitized(kCuts, kCuts / 20));
  logging::SetLevel(logging::Level::kNone);
  Worlds worlds(FromEnvironment("FIRTH_SIM_SEED", 1), wanted);
  worlds.Go();
  if (wanted >= kCuts) worlds.SeekMissing();
  const auto missing = worlds.Missing();
  worlds.Print();
  for (const std::string& place : missing) {
    if (wanted >= kCuts)
      ADD_FAILURE() << "the power never went at " << place;
    else
      std::cout << "the power never went at " << place << "\n";
  }
}

}  // namespace
}  // namespace firth::sim
