#include "firth/keyview/rocks_cursor.h"

#include <utility>

#include "firth/keyview/key_format.h"
#include "firth/keyview/rocks_options.h"
#include "firth/keyview/rocks_status.h"

namespace firth::keyview {
namespace {

class NoCursor final : public KeyCursor {
 public:
  bool Valid() const override { return false; }
  void Next() override { FIRTH_CHECK(false); }
  std::string_view key() const override {
    FIRTH_CHECK(false);
    return {};
  }
  Result<Row> row() const override {
    FIRTH_CHECK(false);
    return Row();
  }
  Status status() const override { return Status::OK(); }
};

}  // namespace

RocksCursor::RocksCursor(std::shared_ptr<const RocksGeneration> generation, std::string begin,
                         std::string end, bool backwards,
                         std::shared_ptr<const rocksdb::Snapshot> snapshot)
    : generation_(std::move(generation)),
      snapshot_(std::move(snapshot)),
      begin_(std::move(begin)),
      end_(std::move(end)),
      lower_(begin_),
      upper_(end_),
      backwards_(backwards) {
  FIRTH_CHECK(begin_ < end_);
  rocksdb::ReadOptions read = MakeReadOptions();
  read.iterate_lower_bound = &lower_;
  read.iterate_upper_bound = &upper_;
  read.snapshot = snapshot_.get();
  // Forwards, filters by log may skip files; backwards a seek begins outside the log's prefix,
  // where they would hide keys.
  read.auto_prefix_mode = !backwards;
  read.total_order_seek = backwards;
  // Obsolete files are deleted behind the reader's back, not by it.
  read.background_purge_on_iterator_cleanup = true;
  iterator_.reset(generation_->db()->NewIterator(read));
  if (backwards_) {
    iterator_->SeekToLast();
  } else {
    iterator_->Seek(lower_);
  }
}

void RocksCursor::Next() {
  FIRTH_CHECK(iterator_->Valid());
  if (backwards_) {
    iterator_->Prev();
  } else {
    iterator_->Next();
  }
}

std::string_view RocksCursor::key() const {
  FIRTH_CHECK(iterator_->Valid());
  const rocksdb::Slice key = iterator_->key();
  return std::string_view(key.data(), key.size()).substr(kLogPrefixBytes);
}

Result<Row> RocksCursor::row() const {
  FIRTH_CHECK(iterator_->Valid());
  const rocksdb::Slice value = iterator_->value();
  return ParseRow({value.data(), value.size()});
}

Status RocksCursor::status() const {
  return FromRocks(iterator_->status(), "be scanned", generation_->folder());
}

std::unique_ptr<KeyCursor> MakeCursor(std::shared_ptr<const RocksGeneration> generation, LogId log,
                                      std::string_view from, std::string_view to, bool backwards,
                                      std::shared_ptr<const rocksdb::Snapshot> snapshot) {
  std::string begin = LogBegin(log);
  begin += from;
  std::string end = to.empty() ? LogEnd(log) : LogBegin(log);
  end += to;
  if (begin >= end) return EmptyCursor();
  return std::make_unique<RocksCursor>(std::move(generation), std::move(begin), std::move(end),
                                       backwards, std::move(snapshot));
}

RocksKeySnapshot::RocksKeySnapshot(std::shared_ptr<const RocksGeneration> generation)
    : generation_(std::move(generation)),
      snapshot_(generation_->db()->GetSnapshot(),
                [kept = generation_](const rocksdb::Snapshot* snapshot) {
                  kept->db()->ReleaseSnapshot(snapshot);
                }) {}

Result<std::unique_ptr<KeyCursor>> RocksKeySnapshot::Scan(LogId log, std::string_view from,
                                                          std::string_view to, bool backwards) {
  return MakeCursor(generation_, log, from, to, backwards, snapshot_);
}

std::unique_ptr<KeyCursor> EmptyCursor() {
  return std::make_unique<NoCursor>();
}

}  // namespace firth::keyview
