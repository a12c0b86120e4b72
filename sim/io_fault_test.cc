// Goal: when an operation on the disk fails, the caller gets an error, nothing acknowledged is
// lost, what is read is right, and after a disk that was full writing resumes. Method: the random
// work of the power cuts. One operation on the disk after another fails, once, with an error or for
// want of room, in each kind of step and in opening. What is then read is compared with what may be
// there; the database goes on, is ended in the middle, and opened again.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "firth/common/logging.h"
#include "sim/cut_points.h"
#include "sim/workload.h"

namespace firth::sim {
namespace {

constexpr uint64_t kWorlds = 6;
constexpr uint64_t kFaultsOfAWorld = 100;
constexpr uint64_t kPatience = 6;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

using Wanted = std::map<uint64_t, std::string>;

class FaultStory {
 public:
  /// With `wanted`, operations fail only at these points. With `twice`, one that follows a fault
  /// does, too.
  FaultStory(uint64_t seed, Fault fault, bool twice, CutPoints* points, Wanted wanted)
      : world_(seed), fault_(fault) {
    world_.wanted = std::move(wanted);
    world_.twice = twice;
    world_.place = [points] { return points->Visit(); };
    world_.met_at = [this, points](uint64_t at) {
      points->Cut(at);
      // Once a place is enough.
      const auto found = world_.wanted.find(at);
      if (found == world_.wanted.end()) return;
      const std::string place = found->second;
      std::erase_if(world_.wanted, [&](const auto& other) { return other.second == place; });
      sought_ = world_.wanted.empty();
    };
    world_.curious = true;
  }

  /// Faults until this world meets no new place for a while; one that seeks places is patient.
  Status Go() {
    ARROW_RETURN_NOT_OK(OpenInFault());
    uint64_t patience = world_.wanted.empty() ? 1 : kPatience;
    while (patience > 0 && met_ < kFaultsOfAWorld && !sought_) {
      ARROW_RETURN_NOT_OK(Life());
      if (world_.met()) {
        ++met_;
        met_again_ += world_.met_again() ? 1 : 0;
      } else {
        --patience;
      }
    }
    return Status::OK();
  }
  uint64_t met() const { return met_; }
  /// How many of them another one followed.
  uint64_t met_again() const { return met_again_; }
  /// What met the fault last.
  const std::string& what() const { return world_.met_what(); }

 private:
  Status Life() {
    world_.Arm(fault_, 0, /*reads=*/true);
    for (int step = 0; step < 60 && !world_.met() && !world_.dead(); ++step) {
      const Status status = workload_.Step();
      if (!status.ok() && (!world_.met() || status.IsUnknownError())) return status;
    }
    const bool met = world_.Disarm();
    if (!world_.dead() && world_.db != nullptr) ARROW_RETURN_NOT_OK(GoOn());
    if (world_.dead() || world_.db == nullptr || Below(&world_.random, 3) == 0) {
      ARROW_RETURN_NOT_OK(Reopen());
    }
    world_.SetMet(met);
    return Status::OK();
  }

  /// The database lives, so it has said that all is known: it reads right and writes.
  Status GoOn() {
    world_.SetMet(false);
    ARROW_RETURN_NOT_OK(workload_.Check(/*restarted=*/true));
    for (int step = 0; step < 4; ++step) {
      ARROW_RETURN_NOT_OK(workload_.Step());
    }
    return workload_.Check(/*restarted=*/true);
  }

  /// End it in the middle and start again, now and then with a fault at the start.
  Status Reopen() {
    world_.Restart();
    ARROW_RETURN_NOT_OK(OpenInFault());
    world_.SetMet(false);
    ARROW_RETURN_NOT_OK(workload_.Check(/*restarted=*/true));
    return workload_.RepeatLast();
  }

  /// Open, in a world where something may fail on the way; then once more, where nothing does.
  Status OpenInFault() {
    world_.Arm(fault_, 0, /*reads=*/true);
    const Status opened = world_.Open();
    if (!world_.Disarm()) return opened;
    ++met_;
    if (opened.ok() && !world_.dead()) return Status::OK();
    world_.Restart();
    return world_.Open();
  }

  World world_;
  const Fault fault_;
  Candidates candidates_{Model{}};
  Workload workload_{&world_, &candidates_};
  uint64_t met_ = 0;
  uint64_t met_again_ = 0;
  bool sought_ = false;  // all that was wanted was met
};

/// Worlds one after another, by several threads.
class FaultWorlds {
 public:
  FaultWorlds(uint64_t first_seed, uint64_t worlds, Fault fault, bool twice = false)
      : fault_(fault), twice_(twice), next_seed_(first_seed), end_seed_(first_seed + worlds) {}

  void Go() { Run({}); }
  /// More worlds, in which operations fail only where none did.
  void SeekMissing() {
    for (int round = 0; round < kRoundsMore && !::testing::Test::HasFailure(); ++round) {
      const auto wanted = points_.NeverCut();
      if (wanted.empty()) return;
      end_seed_ = next_seed_ + kWorldsOfARound;
      Run(wanted);
    }
  }
  /// Prints what was reached; the places at which nothing failed.
  std::vector<std::string> Missing() {
    std::vector<std::string> missing;
    const auto places = points_.Places();
    for (const auto& [place, count] : places) {
      // What only the remains of another fault lead to comes too seldom.
      if (count.cuts == 0 && count.visits >= kVisitsMin)
        missing.push_back(place + " of " + std::to_string(count.visits) + " times");
    }
    std::cout << met_ << " faults at " << points_.distinct() << " distinct points, from "
              << places.size() << " places in the code that use the disk\n";
    if (twice_) std::cout << met_again_ << " of them were followed by another while cleaning up\n";
    return missing;
  }

 private:
  void Run(const Wanted& wanted) {
    const auto work = [&] {
      while (!::testing::Test::HasFailure()) {
        const uint64_t seed = next_seed_++;
        if (seed >= end_seed_) return;
        One(seed, wanted);
      }
    };
    std::vector<std::thread> threads;
    for (uint64_t i = 1; i < std::thread::hardware_concurrency(); ++i) threads.emplace_back(work);
    work();
    for (auto& thread : threads) thread.join();
    next_seed_ = end_seed_;
  }
  void One(uint64_t seed, const Wanted& wanted) {
    FaultStory story(seed, fault_, twice_, &points_, wanted);
    const Status status = story.Go();
    met_ += story.met();
    met_again_ += story.met_again();
    if (status.ok()) return;
    ADD_FAILURE() << "FIRTH_SIM_SEED=" << seed << " FIRTH_SIM_WORLDS=1, after " << story.met()
                  << " faults, the last in " << story.what() << ": " << status.ToString();
  }

  static constexpr uint64_t kVisitsMin = 200;
  static constexpr int kRoundsMore = 8;
  static constexpr uint64_t kWorldsOfARound = 4;

  const Fault fault_;
  const bool twice_;
  CutPoints points_;
  std::atomic<uint64_t> next_seed_;
  uint64_t end_seed_;
  std::atomic<uint64_t> met_{0};
  std::atomic<uint64_t> met_again_{0};
};

class IoFaultTest : public ::testing::TestWithParam<std::pair<const char*, Fault>> {};

TEST_P(IoFaultTest, NothingAcknowledgedIsLostAndNothingWrongIsRead) {
  logging::SetLevel(logging::Level::kNone);
  const uint64_t worlds = FromEnvironment("FIRTH_SIM_WORLDS", kWorlds);
  FaultWorlds story(FromEnvironment("FIRTH_SIM_SEED", 1), worlds, GetParam().second);
  story.Go();
  const bool seeks = worlds >= kWorlds && GetParam().second == Fault::kError;
  if (seeks) story.SeekMissing();
  for (const std::string& place : story.Missing()) {
    if (seeks) {
      ADD_FAILURE() << "nothing failed at " << place;
    }
  }
}

// What cleans up after a fault fails, too: there may be less room or a file too many afterwards,
// but the same must hold.
TEST_P(IoFaultTest, NorWhenWhatCleansUpFailsToo) {
  logging::SetLevel(logging::Level::kNone);
  FaultWorlds story(FromEnvironment("FIRTH_SIM_SEED", 1),
                    FromEnvironment("FIRTH_SIM_WORLDS", kWorlds), GetParam().second,
                    /*twice=*/true);
  story.Go();
  story.Missing();
}

INSTANTIATE_TEST_SUITE_P(Faults, IoFaultTest,
                         ::testing::Values(std::pair("Error", Fault::kError),
                                           std::pair("DiskFull", Fault::kDiskFull)),
                         [](const auto& tested) { return std::string(tested.param.first); });

}  // namespace
}  // namespace firth::sim
