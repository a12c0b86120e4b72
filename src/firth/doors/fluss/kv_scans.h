// Scans of keyed buckets that clients read piece by piece, call by call.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "firth/common/clock.h"
#include "firth/common/random.h"
#include "firth/doors/fluss/lookup_places.h"
#include "firth/doors/fluss/value_shape.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

/// One of them: the state of its bucket when it was opened, and how far it was read.
struct KvScan {
  BucketName name;
  ValueShape shape;
  std::unique_ptr<table::KeyScan> rows;
  std::optional<table::KeyedRow> ahead;  // the next row, if there is one
  int32_t last_call = 0;                 // the number of the last call that was answered

  /// Take the next row's place. Blocks.
  Status Advance();
};

/// Those that are under way. Each holds old rows on the disk, so there are few, and one that is
/// left alone is closed. Thread-safe.
class KvScans {
 public:
  static constexpr size_t kPerBucketMax = 8;
  static constexpr size_t kMax = 200;
  static constexpr int64_t kIdleNs = int64_t{600} * 1'000'000'000;

  KvScans(const Clock* clock, Random* random) : clock_(clock), random_(random) {}

  /// May one more of this bucket be opened? Error: code 69.
  Status CheckRoom(const BucketName& bucket) const;
  /// Keep a scan; returns its id.
  std::string Keep(std::unique_ptr<KvScan> scan);
  /// Take a scan to read on in it: nobody else gets it until it is put back. Errors: code 66 for
  /// one that was left alone for too long, 67 for what is none, 68 while another call reads it.
  Result<std::unique_ptr<KvScan>> Take(const std::string& id);
  void PutBack(const std::string& id, std::unique_ptr<KvScan> scan);
  /// It is read to its end, or closed: its id names nothing more.
  void Forget(const std::string& id);
  /// Close those that were left alone.
  void Expire();
  /// Close all.
  void Clear();
  size_t size() const;

 private:
  struct Held {
    BucketName name;
    std::unique_ptr<KvScan> scan;  // null: taken
    int64_t used_ns = 0;
  };

  const Clock* const clock_;
  Random* const random_;
  mutable std::mutex mutex_;
  std::map<std::string, Held> held_;  // guarded by mutex_
  std::deque<std::string> expired_;   // the last ones; guarded by mutex_
};

}  // namespace firth::doors::fluss
