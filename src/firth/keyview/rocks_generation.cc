#include "firth/keyview/rocks_generation.h"

#include <rocksdb/rate_limiter.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <optional>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/keyview/key_format.h"
#include "firth/keyview/rocks_options.h"
#include "firth/keyview/rocks_status.h"

namespace firth::keyview {
namespace {

constexpr std::string_view kNamePrefix = "keys-";

std::string FolderOf(const std::string& root, uint64_t number) {
  return root + "/" + std::string(kNamePrefix) + std::to_string(number);
}

std::optional<uint64_t> NumberOf(std::string_view name) {
  if (!name.starts_with(kNamePrefix)) return std::nullopt;
  name.remove_prefix(kNamePrefix.size());
  const auto number = ParseInt64(name);
  if (!number.ok() || *number <= 0 || std::to_string(*number) != name) return std::nullopt;
  return static_cast<uint64_t>(*number);
}

/// Remove a folder that is ours, with whatever lies in it.
rocksdb::Status RemoveFolder(rocksdb::Env* env, const std::string& folder) {
  std::vector<std::string> names;
  rocksdb::Status status = env->GetChildren(folder, &names);
  if (status.IsNotFound()) return rocksdb::Status::OK();
  for (const std::string& name : names) {
    if (!status.ok()) break;
    if (name == "." || name == "..") continue;
    const std::string path = folder + "/" + name;
    status = env->DeleteFile(path);
    if (!status.ok()) status = RemoveFolder(env, path);  // not every environment tells them apart
  }
  return status.ok() ? env->DeleteDir(folder) : status;
}

/// Read one of the view's own numbers. What is wrong with it goes to `*damage`.
template <typename Int>
Status ReadNumber(rocksdb::DB* db, std::string_view key, const std::string& name, Int* number,
                  std::string* damage) {
  std::string bytes;
  const rocksdb::Status status = db->Get(MakeReadOptions(), std::string(key), &bytes);
  if (!status.ok() && !MeansDamaged(status)) return FromRocks(status, "be opened", db->GetName());
  if (!status.ok()) {
    *damage = "its " + name + " cannot be read: " + status.ToString();
  } else if (bytes.size() != sizeof(Int)) {
    *damage = "its " + name + " is no number";
  } else {
    *number = LoadLe<Int>(bytes.data());
  }
  return Status::OK();
}

}  // namespace

RocksGeneration::RocksGeneration(const RocksPlace& place, uint64_t number)
    : env_(place.env), folder_(FolderOf(place.folder, number)), number_(number) {}

RocksGeneration::~RocksGeneration() {
  db_.reset();
  if (!over_) return;
  // Whatever stays behind is found at the next start: this number is no longer the highest.
  const rocksdb::Status removed = RemoveFolder(env_.get(), folder_);
  if (!removed.ok()) {
    logging::Warning("keyview", "old files in '{}' stay until the next start: {}", folder_,
                     removed.ToString());
  }
}

rocksdb::Status RocksGeneration::OpenFiles(const RocksPlace& place, const KeyViewOptions& options,
                                           bool create) {
  rocksdb::Options rocks = MakeRocksOptions(options, env_.get(), place.to_disk);
  rocks.create_if_missing = create;
  rocks.error_if_exists = create;
  rocks.avoid_flush_during_shutdown = !place.flush_at_close;
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(rocks, folder_, &db);
  db_.reset(db);
  return status;
}

Status RocksGeneration::WriteFirst() {
  std::string version;
  AppendLe(&version, kFormatVersion);
  std::string watermark;
  AppendLe(&watermark, watermark_.value);
  rocksdb::WriteBatch batch;
  rocksdb::Status status = batch.Put(std::string(kFormatKey), version);
  if (status.ok()) status = batch.Put(std::string(kWatermarkKey), watermark);
  if (status.ok()) status = db_->Write(MakeWriteOptions(), &batch);
  if (status.ok()) status = db_->Flush(rocksdb::FlushOptions());
  return FromRocks(status, "begin", folder_);
}

Status RocksGeneration::ReadOwn(std::string* damage) {
  uint32_t version = 0;
  ARROW_RETURN_NOT_OK(ReadNumber(db_.get(), kFormatKey, "version", &version, damage));
  if (!damage->empty()) return Status::OK();
  if (version != kFormatVersion) {
    *damage = "it has version " + std::to_string(version) + ", and this program knows version " +
              std::to_string(kFormatVersion);
    return Status::OK();
  }
  ARROW_RETURN_NOT_OK(ReadNumber(db_.get(), kWatermarkKey, "watermark", &watermark_.value, damage));
  if (damage->empty() && watermark_.value < 0) *damage = "its watermark is below 0";
  return Status::OK();
}

void RocksGeneration::PaceMerging(int64_t now_ns) {
  const auto limiter = db_->GetDBOptions().rate_limiter;
  if (limiter == nullptr) return;
  std::string files;
  uint64_t bytes = 0;
  // What RocksDB does not tell counts as none.
  static_cast<void>(
      db_->GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &files));
  static_cast<void>(db_->GetIntProperty(rocksdb::DB::Properties::kLiveSstFilesSize, &bytes));
  const int64_t behind = ParseInt64(files).ValueOr(0) - kFlushedFilesMerged;
  limiter->SetBytesPerSecond(pace_.FileWritten(now_ns, bytes, behind));
}

Result<std::shared_ptr<RocksGeneration>> RocksGeneration::Create(const RocksPlace& place,
                                                                 const KeyViewOptions& options,
                                                                 uint64_t number) {
  std::shared_ptr<RocksGeneration> made(new RocksGeneration(place, number));
  Status status =
      FromRocks(made->OpenFiles(place, options, /*create=*/true), "begin", made->folder());
  if (status.ok()) status = made->WriteFirst();
  if (status.ok()) return made;
  made->EndLife();
  return status;
}

Result<std::shared_ptr<RocksGeneration>> RocksGeneration::CreateFrom(const RocksPlace& place,
                                                                     const KeyViewOptions& options,
                                                                     uint64_t number) {
  const std::string folder = FolderOf(place.folder, number);
  rocksdb::Env* const env = place.env.get();
  const auto fill = [&]() -> Result<std::shared_ptr<RocksGeneration>> {
    ARROW_RETURN_NOT_OK(FromRocks(env->CreateDirIfMissing(folder), "be made", folder));
    const BaseSource::Place target{
        .os_folder = place.to_disk ? folder : "",
        .write = [&](const std::string& name, const std::string& bytes) {
          return FromRocks(rocksdb::WriteStringToFile(env, bytes, folder + "/" + name),
                           "be written", folder);
        }};
    ARROW_RETURN_NOT_OK(options.bases->Fill(target));
    std::string damage;
    ARROW_ASSIGN_OR_RAISE(auto made, Open(place, options, number, &damage));
    if (made != nullptr && made->watermark() < options.bases->commit()) {
      damage = "it has absorbed less than the base says";
    }
    if (damage.empty()) return made;
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the base of the key view cannot be opened: " + damage);
  };
  auto made = fill();
  if (!made.ok()) static_cast<void>(RemoveFolder(env, folder));
  return made;
}

Result<std::shared_ptr<RocksGeneration>> RocksGeneration::Open(const RocksPlace& place,
                                                               const KeyViewOptions& options,
                                                               uint64_t number,
                                                               std::string* damage) {
  damage->clear();
  std::shared_ptr<RocksGeneration> found(new RocksGeneration(place, number));
  const rocksdb::Status status = found->OpenFiles(place, options, /*create=*/false);
  if (!status.ok()) {
    if (!MeansDamaged(status)) return FromRocks(status, "be opened", found->folder());
    *damage = status.ToString();
    return nullptr;
  }
  ARROW_RETURN_NOT_OK(found->ReadOwn(damage));
  if (!damage->empty()) return nullptr;
  return found;
}

Result<std::vector<uint64_t>> ListGenerations(const RocksPlace& place) {
  std::vector<std::string> names;
  const rocksdb::Status status = place.env->GetChildren(place.folder, &names);
  if (!status.ok() && !status.IsNotFound()) return FromRocks(status, "be listed", place.folder);
  std::vector<uint64_t> numbers;
  for (const std::string& name : names) {
    if (const auto number = NumberOf(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Status RemoveGeneration(const RocksPlace& place, uint64_t number) {
  const std::string folder = FolderOf(place.folder, number);
  return FromRocks(RemoveFolder(place.env.get(), folder), "be removed", folder);
}

}  // namespace firth::keyview
