// A key view's cursor over RocksDB's iterator.
#pragma once

#include <rocksdb/iterator.h>
#include <rocksdb/slice.h>
#include <rocksdb/snapshot.h>

#include <memory>
#include <string>

#include "firth/keyview/key_view.h"
#include "firth/keyview/rocks_generation.h"

namespace firth::keyview {

class RocksCursor final : public KeyCursor {
 public:
  /// Over [begin, end) of the generation's keys, log prefix and all; begin < end. With a `snapshot`
  /// of the same generation, as it stood then.
  RocksCursor(std::shared_ptr<const RocksGeneration> generation, std::string begin, std::string end,
              bool backwards, std::shared_ptr<const rocksdb::Snapshot> snapshot = nullptr);

  bool Valid() const override { return iterator_->Valid(); }
  void Next() override;
  std::string_view key() const override;
  Result<Row> row() const override;
  Status status() const override;

 private:
  const std::shared_ptr<const RocksGeneration> generation_;  // keeps the files
  const std::shared_ptr<const rocksdb::Snapshot> snapshot_;
  const std::string begin_;
  const std::string end_;
  const rocksdb::Slice lower_;  // the iterator reads the bounds where they are
  const rocksdb::Slice upper_;
  const bool backwards_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

/// A cursor over the keys of a log in [from, to), as KeyView::Scan.
std::unique_ptr<KeyCursor> MakeCursor(std::shared_ptr<const RocksGeneration> generation, LogId log,
                                      std::string_view from, std::string_view to, bool backwards,
                                      std::shared_ptr<const rocksdb::Snapshot> snapshot);

/// A snapshot of a generation.
class RocksKeySnapshot final : public KeySnapshot {
 public:
  explicit RocksKeySnapshot(std::shared_ptr<const RocksGeneration> generation);
  Result<std::unique_ptr<KeyCursor>> Scan(LogId log, std::string_view from, std::string_view to,
                                          bool backwards) override;

 private:
  const std::shared_ptr<const RocksGeneration> generation_;
  const std::shared_ptr<const rocksdb::Snapshot> snapshot_;
};

/// Of nothing.
std::unique_ptr<KeyCursor> EmptyCursor();

}  // namespace firth::keyview
