#include "firth/keyview/key_view.h"

#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "firth/common/logging.h"
#include "firth/keyview/key_format.h"
#include "firth/keyview/rocks_cursor.h"
#include "firth/keyview/rocks_file_hash.h"
#include "firth/keyview/rocks_key_view.h"
#include "firth/keyview/rocks_options.h"
#include "firth/keyview/rocks_status.h"

namespace firth::keyview {
namespace {

/// Keys that one lookup in RocksDB takes; their blocks are held in memory together.
constexpr size_t kGetKeysMax = 512;
/// Rows of a log that are counted before an estimate must do.
constexpr uint64_t kCountedMax = 50'000;

std::string WatermarkBytes(int64_t watermark) {
  std::string bytes;
  AppendLe(&bytes, watermark);
  return bytes;
}

/// Look up `count` keys from `first` on and append the answers.
Status GetSome(const RocksGeneration& generation, const rocksdb::ReadOptions& read,
               const rocksdb::Slice* first, size_t count, std::vector<std::optional<Row>>* rows) {
  std::vector<rocksdb::PinnableSlice> values(count);
  std::vector<rocksdb::Status> statuses(count);
  rocksdb::DB* const db = generation.db();
  db->MultiGet(read, db->DefaultColumnFamily(), count, first, values.data(), statuses.data());
  for (size_t i = 0; i < count; ++i) {
    if (statuses[i].IsNotFound()) {
      rows->emplace_back();
      continue;
    }
    ARROW_RETURN_NOT_OK(FromRocks(statuses[i], "be read", generation.folder()));
    ARROW_ASSIGN_OR_RAISE(rows->emplace_back(), ParseRow({values[i].data(), values[i].size()}));
  }
  return Status::OK();
}

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

Result<std::unique_ptr<KeyView>> KeyView::Open(const KeyViewOptions& options) {
  RocksPlace place;
  if (options.folder.empty()) {
    place.env.reset(rocksdb::NewMemEnv(rocksdb::Env::Default()));
    place.folder = "/keyview";
  } else {
    std::error_code error;
    std::filesystem::create_directories(options.folder, error);
    if (error) {
      return Error(
          Code::kUnavailable, Reason::kIo,
          "cannot make the key view's folder '" + options.folder + "': " + error.message());
    }
    place.env = std::shared_ptr<rocksdb::Env>(std::shared_ptr<void>(), rocksdb::Env::Default());
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

Status RocksKeyView::Apply(LogId log, const std::vector<Change>& changes, CommitId watermark) {
  rocksdb::WriteBatch batch;
  rocksdb::Status status;
  if (!changes.empty()) {
    std::string key = LogBegin(log);
    std::string row;
    for (const Change& change : changes) {
      key.resize(kLogPrefixBytes);
      key += change.key;
      if (change.row.has_value()) {
        row.clear();
        AppendRow(*change.row, &row);
        status = batch.Put(key, row);
      } else {
        status = batch.Delete(key);
      }
      ARROW_RETURN_NOT_OK(FromRocks(status, "take a change", place_.folder));
    }
  }
  // A log may be read again behind the watermark (a view that is added late): that does not move
  // it.
  const bool moves = watermark.value > watermark_.load();
  if (moves) {
    // In the same batch as what it vouches for: see rocks_generation.h.
    status = batch.Put(std::string(kWatermarkKey), WatermarkBytes(watermark.value));
    ARROW_RETURN_NOT_OK(FromRocks(status, "take a change", place_.folder));
  }
  if (batch.Count() == 0) return Status::OK();
  const auto current = generation();
  status = current->db()->Write(MakeWriteOptions(), &batch);
  ARROW_RETURN_NOT_OK(FromRocks(status, "be written", current->folder()));
  if (moves) watermark_.store(watermark.value);
  return Status::OK();
}

Status RocksKeyView::Drop(LogId log) {
  const auto current = generation();
  rocksdb::DB* const db = current->db();
  const rocksdb::Status status =
      db->DeleteRange(MakeWriteOptions(), db->DefaultColumnFamily(), LogBegin(log), LogEnd(log));
  return FromRocks(status, "drop a log", current->folder());
}

Status RocksKeyView::Reset() {
  const auto old = generation();
  ARROW_ASSIGN_OR_RAISE(auto next, RocksGeneration::Create(place_, options_, old->number() + 1));
  {
    std::lock_guard lock(mutex_);
    generation_ = std::move(next);
    watermark_.store(0);
  }
  old->EndLife();
  return Status::OK();
}

Result<std::vector<std::optional<Row>>> RocksKeyView::Get(LogId log,
                                                          const std::vector<std::string>& keys) {
  std::vector<std::optional<Row>> rows;
  if (keys.empty()) return rows;
  const std::string prefix = LogBegin(log);
  // All keys in one run of bytes, with one allocation.
  size_t bytes = 0;
  for (const std::string& key : keys) bytes += prefix.size() + key.size();
  std::string joined;
  joined.reserve(bytes);
  std::vector<rocksdb::Slice> slices;
  slices.reserve(keys.size());
  for (const std::string& key : keys) {
    const size_t at = joined.size();
    joined += prefix;
    joined += key;
    slices.emplace_back(joined.data() + at, prefix.size() + key.size());
  }
  const auto current = generation();
  rocksdb::ReadOptions read = MakeReadOptions();
  std::optional<rocksdb::ManagedSnapshot> snapshot;
  if (keys.size() > kGetKeysMax) {
    snapshot.emplace(current->db());  // all answers are of one instant
    read.snapshot = snapshot->snapshot();
  }
  rows.reserve(keys.size());
  for (size_t at = 0; at < slices.size(); at += kGetKeysMax) {
    const size_t count = std::min(kGetKeysMax, slices.size() - at);
    ARROW_RETURN_NOT_OK(GetSome(*current, read, slices.data() + at, count, &rows));
  }
  FIRTH_CHECK(rows.size() == keys.size());
  return rows;
}

Result<std::unique_ptr<KeyCursor>> RocksKeyView::Scan(LogId log, std::string_view from,
                                                      std::string_view to, bool backwards) {
  return MakeCursor(generation(), log, from, to, backwards, nullptr);
}

Result<std::shared_ptr<KeySnapshot>> RocksKeyView::TakeSnapshot() {
  return std::make_shared<RocksKeySnapshot>(generation());
}

Status RocksKeyView::Export(const std::function<Status(const std::vector<ViewFile>&)>& take) {
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

LogSize RocksKeyView::Measure(LogId log) {
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
  const auto current = generation();
  const uint64_t keys = Property(current->db(), rocksdb::DB::Properties::kEstimateNumKeys);
  return keys > kOwnKeys ? keys - kOwnKeys : 0;
}

uint64_t RocksKeyView::EstimateBytes() {
  const auto current = generation();
  return Property(current->db(), rocksdb::DB::Properties::kEstimateLiveDataSize) +
         Property(current->db(), rocksdb::DB::Properties::kSizeAllMemTables);
}

}  // namespace firth::keyview
