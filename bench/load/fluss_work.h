// What the load generator sends: batches of rows made once and numbered anew for each request, so
// that sending costs little beside serving.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "measured.h"
#include "zipf.h"

namespace firth::bench {

/// Keys of one bucket.
class Keys {
 public:
  /// Drawn by `zipf`, which outlives this, one after another; null: each key of the bucket once, in
  /// a scattered order.
  Keys(const Zipf* zipf, uint64_t count, int buckets, int bucket, uint64_t seed);
  /// The next key's compact bytes, valid until the next call.
  const std::string& Next();
  /// How many there are, if each comes once.
  size_t size() const { return keys_.size(); }

 private:
  bool IsOurs(uint64_t key);

  const Zipf* const zipf_;
  const uint64_t count_;
  const int buckets_;
  const int bucket_;
  const uint64_t seed_;
  uint64_t draws_ = 0;
  std::vector<uint32_t> keys_;  // without a zipf
  size_t next_ = 0;
  std::string bytes_;
};

/// A log batch of `rows` rows (k bigint, v text) of about `row_bytes`.
class LogBatch {
 public:
  LogBatch(int rows, int row_bytes, const std::string& compression, uint64_t seed);
  /// The batch under a writer's number.
  const std::string& Numbered(int64_t writer, int32_t sequence);

 private:
  std::string bytes_;
};

/// A batch of upserts of the next `rows` keys, with values of `value_bytes`.
class KeyedBatch {
 public:
  KeyedBatch(int rows, int value_bytes) : rows_(rows), value_bytes_(value_bytes) {}
  const std::string& Numbered(Keys* keys, int64_t writer, int32_t sequence);

 private:
  const int rows_;
  const int value_bytes_;
  uint64_t draws_ = 0;
  std::string bytes_;
};

}  // namespace firth::bench
