#include "firth/keyview/key_view.h"

#include <pthread.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/snapshot.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "firth/common/logging.h"
#include "firth/common/thread_priority.h"
#include "firth/keyview/key_format.h"
#include "firth/keyview/key_state_table.h"
#include "firth/keyview/rocks_cursor.h"
#include "firth/keyview/rocks_disk.h"
#include "firth/keyview/rocks_file_hash.h"
#include "firth/keyview/rocks_key_view.h"
#include "firth/keyview/rocks_options.h"
#include "firth/keyview/rocks_status.h"
#include "firth/keyview/rocks_write.h"
#include "firth/store/own_folder.h"

namespace firth::keyview {
namespace {

/// Keys that one lookup in RocksDB takes; their blocks are held in memory together.
constexpr size_t kGetKeysMax = 512;
/// Changes that take less of the memtables' memory go there; more make a file.
constexpr uint64_t kBatchShare = 4;
/// Rows of a log that are counted before an estimate must do.
constexpr uint64_t kCountedMax = 50'000;

/// A generation of the base's files, or without a usable base an empty one.
Result<std::shared_ptr<RocksGeneration>> BeginAnew(const RocksPlace& place,
                                                   const KeyViewOptions& options, uint64_t number) {
  if (options.bases != nullptr && options.bases->commit() > CommitId(0) &&
      options.bases->commit() <= options.commit_max) {
    auto made = RocksGeneration::CreateFrom(place, options, number);
    if (made.ok()) {
      logging::Info("keyview", "the key view begins with its base of commit {}",
                    options.bases->commit().value);
      return made;
    }
    // Whether the log can do without is for the caller to see: the watermark is 0.
    const Reason reason = ReasonOf(made.status());
    if (reason != Reason::kChecksumMismatch && reason != Reason::kFileMissing) return made;
    logging::Error("keyview", "{}", MessageOf(made.status()));
  }
  return RocksGeneration::Create(place, options, number);
}

/// Where a state goes among others: its log, the first bytes of its key as numbers, and its place.
struct Order {
  uint64_t log;
  uint64_t head;
  uint64_t next;
  uint32_t place;
};

Order OrderOf(const KeyState& state, size_t place) {
  const std::string_view key = state.stored_key();
  std::array<char, kLogPrefixBytes + 2 * sizeof(uint64_t)> front{};
  std::memcpy(front.data(), key.data(), std::min(key.size(), front.size()));
  return {.log = LoadBe<uint64_t>(front.data()),
          .head = LoadBe<uint64_t>(front.data() + kLogPrefixBytes),
          .next = LoadBe<uint64_t>(front.data() + kLogPrefixBytes + sizeof(uint64_t)),
          .place = static_cast<uint32_t>(place)};
}

/// Sort by stored key; equal keys stay in the order of their changes, of which the last counts.
/// Keys lie all over the memory: nearly all comparisons do without them.
void SortByKey(std::vector<KeyStatePtr>* states) {
  FIRTH_CHECK(states->size() <= UINT32_MAX);
  std::vector<Order> orders;
  orders.reserve(states->size());
  constexpr size_t kAhead = 8;
  for (size_t i = 0; i < states->size(); ++i) {
    if (i + kAhead < states->size()) (*states)[i + kAhead].Prefetch();
    orders.push_back(OrderOf(*(*states)[i], i));
  }
  std::sort(orders.begin(), orders.end(), [&](const Order& a, const Order& b) {
    if (a.log != b.log) return a.log < b.log;
    if (a.head != b.head) return a.head < b.head;
    if (a.next != b.next) return a.next < b.next;
    const std::string_view one = (*states)[a.place]->stored_key();
    const std::string_view other = (*states)[b.place]->stored_key();
    const int compared = one.compare(other);
    return compared != 0 ? compared < 0 : a.place < b.place;
  });
  std::vector<KeyStatePtr> sorted;
  sorted.reserve(states->size());
  for (const Order& order : orders) sorted.push_back(std::move((*states)[order.place]));
  *states = std::move(sorted);
}

/// The property's number, or 0 where RocksDB has none.
uint64_t Property(rocksdb::DB* db, const std::string& name) {
  uint64_t number = 0;
  return db->GetIntProperty(name, &number) ? number : 0;
}

ViewFile Exported(const RocksPlace& place, const rocksdb::LiveFileStorageInfo& file) {
  ViewFile out;
  out.name = file.relative_filename;
  out.bytes = file.size;
  const std::string path = file.directory + "/" + file.relative_filename;
  if (file.file_type == rocksdb::kTableFile) {
    out.hash = FileHashOf(file.file_checksum_func_name, file.file_checksum);
    if (place.to_disk) out.os_path = path;
  }
  // Files that are written on count up to the size that they had when the list was made.
  const uint64_t trim = file.trim_to_size ? file.size : UINT64_MAX;
  out.read = [env = place.env, path, trim,
              replacement = file.replacement_contents]() -> Result<std::string> {
    if (!replacement.empty()) return replacement;
    std::string bytes;
    ARROW_RETURN_NOT_OK(
        FromRocks(rocksdb::ReadFileToString(env.get(), path, &bytes), "be copied", path));
    if (bytes.size() > trim) bytes.resize(trim);
    return bytes;
  };
  return out;
}

}  // namespace

void KeyViewOptions::SetMemory(uint64_t bytes) {
  constexpr uint64_t kMemtableBytesMax = uint64_t{16} << 20;
  // Who scans waits for them to be written.
  constexpr uint64_t kUnwrittenBytesMax = uint64_t{128} << 20;
  constexpr uint64_t kCacheBytesFull = uint64_t{128} << 20;  // above it, its share grows slower
  cache_bytes = bytes / 4;
  if (cache_bytes > kCacheBytesFull) cache_bytes = (cache_bytes + 3 * kCacheBytesFull) / 4;
  memtable_bytes = std::min(bytes / 32, kMemtableBytesMax);
  unwritten_bytes = std::min(bytes / 8, kUnwrittenBytesMax);
  rows_bytes = bytes - cache_bytes - memtable_bytes;
}

Result<std::unique_ptr<KeyView>> KeyView::Open(const KeyViewOptions& options) {
  RocksPlace place;
  if (options.folder.empty()) {
    place.env.reset(rocksdb::NewMemEnv(rocksdb::Env::Default()));
    place.folder = "/keyview";
  } else {
    // RocksDB makes its files readable for all.
    ARROW_RETURN_NOT_OK(store::MakeOwnFolder(options.folder));
    place.env = MakeDiskEnv();
    place.folder = options.folder;
    place.to_disk = true;
  }
  return RocksKeyView::OpenAt(std::move(place), options);
}

Result<std::unique_ptr<KeyView>> RocksKeyView::OpenAt(RocksPlace place,
                                                      const KeyViewOptions& options) {
  ARROW_RETURN_NOT_OK(
      FromRocks(place.env->CreateDirIfMissing(place.folder), "be made", place.folder));
  ARROW_ASSIGN_OR_RAISE(const std::vector<uint64_t> numbers, ListGenerations(place));
  std::shared_ptr<RocksGeneration> generation;
  std::string damage;
  if (!numbers.empty()) {
    ARROW_ASSIGN_OR_RAISE(generation,
                          RocksGeneration::Open(place, options, numbers.back(), &damage));
  }
  if (generation != nullptr && generation->watermark() > options.commit_max) {
    damage = "it knows commits that the log does not";
    generation.reset();
  } else if (generation != nullptr && options.bases != nullptr &&
             generation->watermark() < options.bases->commit()) {
    damage = "it is older than the base";
    generation.reset();
  }
  if (generation == nullptr) {
    if (!numbers.empty()) {
      logging::Warning("keyview", "the key view in '{}' is made anew: {}", place.folder, damage);
    }
    const uint64_t number = numbers.empty() ? 1 : numbers.back() + 1;
    ARROW_ASSIGN_OR_RAISE(generation, BeginAnew(place, options, number));
  }
  for (const uint64_t number : numbers) {
    if (number != generation->number()) ARROW_RETURN_NOT_OK(RemoveGeneration(place, number));
  }
  return std::unique_ptr<KeyView>(
      new RocksKeyView(std::move(place), options, std::move(generation)));
}

Status KeyView::Apply(LogId log, const std::vector<Change>& changes, CommitId watermark) {
  std::vector<KeyStatePtr> states;
  KeyStateTable last;
  for (const Change& change : changes) {
    KeyStatePtr state = KeyState::MakeGone(log, change.key);
    if (change.row.has_value()) {
      state = KeyState::Make(log, change.key, change.row->value, "");
      state->SetCommit(change.row->commit, change.row->record_time_ns);
    }
    last.Put(std::move(state));
  }
  for (size_t at = 0; at < last.places(); ++at) {
    if (last.At(at)) states.push_back(last.At(at));
  }
  return Put(log, states, watermark);
}

Result<std::vector<std::optional<Row>>> KeyView::Get(LogId log,
                                                     const std::vector<std::string>& keys) {
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  ARROW_ASSIGN_OR_RAISE(const auto states, Find(log, views, /*keep=*/true));
  std::vector<std::optional<Row>> rows(states.size());
  for (size_t i = 0; i < states.size(); ++i) {
    const KeyStatePtr& state = states[i];
    if (!state) continue;
    rows[i] = Row{.value = std::string(state->value()),
                  .commit = state->commit(),
                  .record_time_ns = state->record_time_ns()};
  }
  return rows;
}

RocksKeyView::~RocksKeyView() {
  if (background_.joinable()) background_.join();
  if (!place_.flush_at_close) return;
  const Status written = WriteOut();
  if (written.ok()) return;
  logging::Warning("keyview", "the key view will read again what it could not write: {}",
                   MessageOf(written));
}

Status RocksKeyView::Put(LogId log, const std::vector<KeyStatePtr>& changes, CommitId watermark) {
  ARROW_RETURN_NOT_OK(MakeRoom());
  std::lock_guard lock(put_mutex_);
  rows_.Put(log, changes);
  // A log may be read again behind the watermark (a view that is added late): that does not move
  // it.
  if (watermark.value > watermark_.load()) watermark_.store(watermark.value);
  return Status::OK();
}

Status RocksKeyView::MakeRoom() {
  if (rows_.unwritten_bytes() <= unwritten_max_) return Status::OK();
  if (!place_.to_disk) return WriteOut();
  {
    std::unique_lock lock(background_mutex_);
    if (in_background_ && rows_.unwritten_bytes() > 2 * unwritten_max_) {
      background_done_.wait(lock, [this] { return !in_background_; });
    }
    if (in_background_) return Status::OK();
    if (background_failed_.ok()) {
      if (background_.joinable()) background_.join();  // it has ended
      in_background_ = true;
      background_ = std::thread([this] { WriteInBackground(); });
      return Status::OK();
    }
  }
  // It failed: the writer tries, and hears why.
  ARROW_RETURN_NOT_OK(WriteOut());
  std::lock_guard lock(background_mutex_);
  background_failed_ = Status::OK();
  return Status::OK();
}

void RocksKeyView::WriteInBackground() {
  pthread_setname_np(pthread_self(), "keys-out");
  LowerThreadPriority();
  const Status written = WriteOut();
  std::lock_guard lock(background_mutex_);
  background_failed_ = written;
  in_background_ = false;
  background_done_.notify_all();
}

Status RocksKeyView::WriteOut(LogId log) {
  return rows_.IsUnwritten(log) ? WriteOut() : Status::OK();
}

Status RocksKeyView::WriteOut() {
  std::lock_guard write_lock(write_mutex_);
  std::vector<KeyStatePtr> states = std::move(not_written_);
  not_written_.clear();
  std::vector<KeyStatePtr> taken;
  int64_t watermark = 0;
  {
    std::lock_guard lock(put_mutex_);
    taken_bytes_.fetch_add(rows_.unwritten_bytes());
    taken = rows_.TakeUnwritten();
    watermark = watermark_.load();
  }
  states.reserve(states.size() + taken.size());
  for (KeyStatePtr& state : taken) {
    if (state) states.push_back(std::move(state));
  }
  if (states.empty() && watermark == watermark_written_) return Status::OK();
  SortByKey(&states);
  // In the same batch as what it vouches for: see rocks_generation.h.
  std::optional<int64_t> moved;
  if (watermark != watermark_written_) moved = watermark;
  const Status written =
      WriteStates(generation().get(), states, moved, options_.memtable_bytes / kBatchShare);
  if (!written.ok()) {
    not_written_ = std::move(states);
    return written;
  }
  watermark_written_ = watermark;
  taken_bytes_.store(0);
  rows_.Written(states);
  return Status::OK();
}

Status RocksKeyView::Drop(LogId log) {
  std::lock_guard write_lock(write_mutex_);
  std::lock_guard lock(put_mutex_);
  const auto current = generation();
  rocksdb::DB* const db = current->db();
  const rocksdb::Status status =
      db->DeleteRange(MakeWriteOptions(), db->DefaultColumnFamily(), LogBegin(log), LogEnd(log));
  ARROW_RETURN_NOT_OK(FromRocks(status, "drop a log", current->folder()));
  std::erase_if(not_written_, [&](const KeyStatePtr& state) { return state->log() == log; });
  rows_.Drop(log);
  return Status::OK();
}

Status RocksKeyView::Reset() {
  std::lock_guard write_lock(write_mutex_);
  std::lock_guard put_lock(put_mutex_);
  const auto old = generation();
  ARROW_ASSIGN_OR_RAISE(auto next, RocksGeneration::Create(place_, options_, old->number() + 1));
  {
    std::lock_guard lock(mutex_);
    generation_ = std::move(next);
    watermark_.store(0);
  }
  watermark_written_ = 0;
  taken_bytes_.store(0);
  not_written_.clear();
  rows_.Clear();
  old->EndLife();
  return Status::OK();
}

Status RocksKeyView::Read(const RocksGeneration& generation, LogId log,
                          const std::vector<std::string_view>& keys, RowsInFront::Found* found,
                          std::vector<KeyStatePtr>* read) {
  std::vector<size_t> missing;
  missing.reserve(found->missing);
  size_t bytes = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (found->states[i]) continue;
    missing.push_back(i);
    bytes += kLogPrefixBytes + keys[i].size();
  }
  // All keys in one run of bytes, with one allocation.
  const std::string prefix = LogBegin(log);
  std::string joined;
  joined.reserve(bytes);
  std::vector<rocksdb::Slice> slices;
  slices.reserve(missing.size());
  for (const size_t i : missing) {
    const size_t at = joined.size();
    joined += prefix;
    joined += keys[i];
    slices.emplace_back(joined.data() + at, joined.size() - at);
  }
  rocksdb::DB* const db = generation.db();
  rocksdb::ReadOptions options = MakeReadOptions();
  std::optional<rocksdb::ManagedSnapshot> snapshot;
  if (missing.size() > kGetKeysMax) {
    snapshot.emplace(db);  // all answers are of one instant
    options.snapshot = snapshot->snapshot();
  }
  std::vector<rocksdb::PinnableSlice> values(std::min(missing.size(), kGetKeysMax));
  std::vector<rocksdb::Status> statuses(values.size());
  read->reserve(missing.size());
  for (size_t at = 0; at < missing.size(); at += kGetKeysMax) {
    const size_t count = std::min(kGetKeysMax, missing.size() - at);
    db->MultiGet(options, db->DefaultColumnFamily(), count, slices.data() + at, values.data(),
                 statuses.data());
    for (size_t k = 0; k < count; ++k) {
      const size_t i = missing[at + k];
      KeyStatePtr& state = found->states[i];
      if (statuses[k].IsNotFound()) {
        state = KeyState::MakeGone(log, keys[i]);
      } else {
        ARROW_RETURN_NOT_OK(FromRocks(statuses[k], "be read", generation.folder()));
        ARROW_ASSIGN_OR_RAISE(
            state, KeyState::MakeStored(log, keys[i], {values[k].data(), values[k].size()}));
      }
      read->push_back(state);
      values[k].Reset();
    }
  }
  return Status::OK();
}

Result<std::vector<KeyStatePtr>> RocksKeyView::Find(LogId log,
                                                    const std::vector<std::string_view>& keys,
                                                    bool keep) {
  constexpr int kTriesMax = 3;
  RowsInFront::Found found;
  std::unique_lock put_lock(put_mutex_, std::defer_lock);
  for (int tries = 0;; ++tries) {
    // Memory first, then the files: what leaves the memory is in the files by then.
    if (tries == kTriesMax) put_lock.lock();
    found = rows_.Find(log, keys);
    if (found.missing == 0) break;
    const auto current = generation();
    std::vector<KeyStatePtr> read;
    ARROW_RETURN_NOT_OK(Read(*current, log, keys, &found, &read));
    if (rows_.VersionOf(log) != found.version) continue;  // not all of one instant
    if (keep) rows_.Keep(log, found.version, read);
    break;
  }
  for (KeyStatePtr& state : found.states) {
    if (state->gone()) state = nullptr;
  }
  return std::move(found.states);
}

Result<std::unique_ptr<KeyCursor>> RocksKeyView::Scan(LogId log, std::string_view from,
                                                      std::string_view to, bool backwards) {
  ARROW_RETURN_NOT_OK(WriteOut(log));
  return MakeCursor(generation(), log, from, to, backwards, nullptr);
}

Result<std::shared_ptr<KeySnapshot>> RocksKeyView::TakeSnapshot() {
  ARROW_RETURN_NOT_OK(WriteOut());
  return std::make_shared<RocksKeySnapshot>(generation());
}

Status RocksKeyView::Export(const std::function<Status(const std::vector<ViewFile>&)>& take) {
  ARROW_RETURN_NOT_OK(WriteOut());
  const auto current = generation();
  rocksdb::DB* const db = current->db();
  ARROW_RETURN_NOT_OK(FromRocks(db->DisableFileDeletions(), "be copied", current->folder()));
  const auto hand_over = [&]() -> Status {
    rocksdb::LiveFilesStorageInfoOptions wanted;
    wanted.include_checksum_info = true;
    wanted.wal_size_for_flush = 0;  // always: there is no write-ahead log to stand in
    std::vector<rocksdb::LiveFileStorageInfo> live;
    ARROW_RETURN_NOT_OK(
        FromRocks(db->GetLiveFilesStorageInfo(wanted, &live), "be copied", current->folder()));
    std::vector<ViewFile> files;
    for (const rocksdb::LiveFileStorageInfo& file : live) {
      if (file.file_type == rocksdb::kOptionsFile) continue;
      files.push_back(Exported(place_, file));
    }
    return take(files);
  };
  const Status done = hand_over();
  ARROW_RETURN_NOT_OK(
      FromRocks(db->EnableFileDeletions(/*force=*/false), "be copied", current->folder()));
  return done;
}

uint64_t RocksKeyView::UnwrittenBytes() const {
  return rows_.unwritten_bytes() + taken_bytes_.load() +
         Property(generation()->db(), rocksdb::DB::Properties::kCurSizeAllMemTables);
}

LogSize RocksKeyView::Measure(LogId log) {
  static_cast<void>(WriteOut(log));  // what cannot be written is not counted
  LogSize size;
  const auto current = generation();
  const std::string begin = LogBegin(log);
  const std::string end = LogEnd(log);
  const rocksdb::Range range(begin, end);
  rocksdb::SizeApproximationOptions about;
  about.include_memtables = true;
  rocksdb::DB* const db = current->db();
  // An estimate that cannot be had is 0.
  static_cast<void>(
      db->GetApproximateSizes(about, db->DefaultColumnFamily(), &range, 1, &size.bytes));
  RocksCursor cursor(current, begin, end, /*backwards=*/false);
  for (; cursor.Valid() && size.rows < kCountedMax; cursor.Next()) ++size.rows;
  if (!cursor.Valid()) return size;
  size.exact = false;
  const uint64_t all = EstimateBytes();
  if (all > 0) {
    const double share = std::min(1.0, static_cast<double>(size.bytes) / static_cast<double>(all));
    const double rows = share * static_cast<double>(EstimateKeys());
    size.rows = std::max(size.rows, static_cast<uint64_t>(rows));
  }
  return size;
}

uint64_t RocksKeyView::EstimateKeys() {
  constexpr uint64_t kOwnKeys = 2;  // the version and the watermark
  static_cast<void>(WriteOut());
  const auto current = generation();
  const uint64_t keys = Property(current->db(), rocksdb::DB::Properties::kEstimateNumKeys);
  return keys > kOwnKeys ? keys - kOwnKeys : 0;
}

uint64_t RocksKeyView::EstimateBytes() {
  static_cast<void>(WriteOut());
  const auto current = generation();
  return Property(current->db(), rocksdb::DB::Properties::kEstimateLiveDataSize) +
         Property(current->db(), rocksdb::DB::Properties::kSizeAllMemTables);
}

}  // namespace firth::keyview
