// A Database in a world of one thread, whose disk loses power or fails at a chosen operation.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/random.h"
#include "firth/store/memory_file_system.h"
#include "firth/table/database.h"
#include "sim/model.h"

namespace firth::sim {

/// A number in [0, end).
inline uint64_t Below(Random* random, uint64_t end) {
  return random->Next64() % end;
}

/// What an operation on the disk meets.
enum class Fault { kNone, kPowerCut, kError, kDiskFull };

class World {
 public:
  explicit World(uint64_t seed);
  ~World();

  /// Open the database on what the disk holds.
  Status Open();
  /// Let go of the database, as the end of its process would: nothing more is written.
  void Kill();
  /// Go on with what the power cut left, or, without one, with what a killed process left.
  void Restart();
  /// Go on with other files, after Kill.
  void RestartOn(std::unique_ptr<store::MemoryFileSystem> others);

  /// From the next operation on the disk, the `after`-th (from 0) meets `fault`; without `reads`,
  /// of those that change something. After a power cut all fail; of the others only that one.
  void Arm(Fault fault, uint64_t after, bool reads);
  /// Disarm. True if the fault was met.
  bool Disarm();
  /// The power is off, or the database has said that it is to end.
  bool dead() const { return left_ != nullptr || !fatal.ok(); }
  bool met() const { return met_; }
  void SetMet(bool met) { met_ = met; }
  /// The operation that met the fault last, and the path, for people.
  const std::string& met_what() const { return met_what_; }
  /// Called at each operation on the disk while a fault may come; gives the number of its place in
  /// the code.
  std::function<uint64_t()> place;
  /// Called with that number when the fault is met there.
  std::function<void(uint64_t)> met_at;
  /// While `curious`, the fault is not met by count, but at the first operation from a place at
  /// which this world has met none; a coin decides for each new place whether it is ever looked at.
  bool curious = false;
  /// Unless empty, a curious world meets the fault only at these, whenever it comes there.
  std::map<uint64_t, std::string> wanted;  // and its place, for their owner
  /// One more operation fails after the one that met the fault, while it is armed: the first from a
  /// place at which, in this world, none failed so. It is what cleans up after the first.
  bool twice = false;
  bool met_again() const { return met_again_; }

  SeededRandom random;
  ManualClock clock;
  ManualExecutor executor{&clock};
  std::unique_ptr<store::MemoryFileSystem> files;
  std::unique_ptr<table::Database> db;
  access::Caller caller = access::Internal();
  Status fatal;

 private:
  Status AtOperation(const char* operation, const std::string& path);
  bool Counts(const char* operation, const std::string& path);
  bool CanFail(const char* operation) const;
  bool IsNow(const char* operation, const std::string& path, uint64_t at);
  Status Fails(const std::string& path);
  void Hook();

  std::unique_ptr<store::MemoryFileSystem> left_;  // by the power cut
  Fault fault_ = Fault::kNone;
  uint64_t after_ = 0;
  bool reads_ = false;
  std::set<uint64_t> known_places_;
  std::set<uint64_t> known_behind_;  // another fault
  bool met_ = false;
  bool met_again_ = false;
  std::string met_what_;
};

/// Everything that a database holds, read through its interface. Errors: those of the reads;
/// kUnknown with a text where what was read contradicts itself, as a key view that is not the fold
/// of its log.
Result<Model> Observe(World* world);

}  // namespace firth::sim
