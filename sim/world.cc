#include "sim/world.h"

#include <string_view>

namespace firth::sim {
namespace {

bool IsRead(std::string_view operation) {
  return operation == "read" || operation == "open" || operation == "list";
}

}  // namespace

World::World(uint64_t seed) : random(seed), files(std::make_unique<store::MemoryFileSystem>()) {
  Hook();
}

World::~World() {
  Kill();
}

void World::Hook() {
  files->SetFaultHook([this](const char* operation, const std::string& path) {
    return AtOperation(operation, path);
  });
}

Status World::Open() {
  fatal = Status::OK();
  table::DatabaseOptions options;
  options.files = files.get();
  options.clock = &clock;
  options.random = &random;
  options.writer = &executor;
  options.readers = &executor;
  // Small files, so that beginning one is as common as anything.
  options.journal_file_bytes_max = uint64_t{24} << 10;
  options.wait = [this](const std::function<bool()>& done) {
    while (!done() && executor.RunOne()) {
    }
  };
  options.on_fatal = [this](const Status& status) { fatal = status; };
  options.lake_keep_ns = 0;
  ARROW_ASSIGN_OR_RAISE(db, table::Database::Open(std::move(options)));
  return Status::OK();
}

void World::Kill() {
  if (left_ == nullptr) left_ = files->Copy();
  // What is left is taken; the rest is only to end. A close waits for the writer, which runs here.
  executor.RunUntilIdle();
  db.reset();
  executor.RunUntilIdle();
  executor.Clear();
}

void World::Restart() {
  Kill();
  files = std::move(left_);
  left_ = nullptr;
  Hook();
}

void World::RestartOn(std::unique_ptr<store::MemoryFileSystem> others) {
  left_ = std::move(others);
  Restart();
}

void World::Arm(Fault fault, uint64_t after, bool reads) {
  reads_ = reads;
  fault_ = fault;
  after_ = after;
  met_ = false;
  met_again_ = false;
}

bool World::Disarm() {
  fault_ = Fault::kNone;
  return met_;
}

bool World::Counts(const char* operation, const std::string& path) {
  if (!reads_ && IsRead(operation)) return false;
  // The catalog uses the disk far more often than all others together.
  return path.find("catalog") == std::string::npos || Below(&random, 8) == 0;
}

bool World::CanFail(const char* operation) const {
  // To read takes no room, and a sync that finds none is an error like any other.
  return fault_ != Fault::kDiskFull ||
         (!IsRead(operation) && operation != std::string_view("sync"));
}

bool World::IsNow(const char* operation, const std::string& path, uint64_t at) {
  if (!CanFail(operation)) return false;
  if (!curious) return Counts(operation, path) && after_-- == 0;
  // Of several on one way the first would hide the others.
  if (!wanted.empty()) {
    return wanted.contains(at) && (fault_ == Fault::kPowerCut || Below(&random, 2) == 0);
  }
  return known_places_.insert(at).second && Below(&random, 2) == 0;
}

Status World::AtOperation(const char* operation, const std::string& path) {
  if (left_ != nullptr) return Error(Code::kUnavailable, Reason::kIo, "the power is off");
  // What follows a fault, to clean up, does not fail once more, unless it is to.
  const bool is_error = fault_ == Fault::kError || fault_ == Fault::kDiskFull;
  const bool behind = met_ && is_error && twice && !met_again_;
  const uint64_t at = place && (!met_ || !is_error || behind) ? place() : 0;
  if (fault_ == Fault::kNone) return Status::OK();
  if (behind) {
    if (!CanFail(operation) || !known_behind_.insert(at).second) return Status::OK();
    met_again_ = true;
    met_what_ += ", then " + (operation + (" of " + path));
  } else {
    if (met_ || !IsNow(operation, path, at)) return Status::OK();
    met_ = true;
    met_what_ = operation + (" of " + path);
  }
  if (met_at) met_at(at);
  return Fails(path);
}

Status World::Fails(const std::string& path) {
  switch (fault_) {
    case Fault::kPowerCut:
      left_ = files->PowerCut(&random);
      return Error(Code::kUnavailable, Reason::kIo, "the power went");
    case Fault::kError:
      return Error(Code::kUnavailable, Reason::kIo, "a fault at " + path);
    case Fault::kDiskFull:
      return Error(Code::kResourceExhausted, Reason::kDiskFull, "no room for " + path);
    case Fault::kNone:
      break;
  }
  return Status::OK();
}

}  // namespace firth::sim
