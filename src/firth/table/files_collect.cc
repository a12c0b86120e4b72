// Removing files that nobody needs any more.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "firth/common/logging.h"
#include "firth/store/file_path.h"
#include "firth/table/files.h"

namespace firth::table {
namespace {

using nlohmann::json;

constexpr char kFolder[] = "files";
constexpr char kOwnFolder[] = "files/own";
constexpr char kUploads[] = "upload/";
constexpr char kUploadsEnd[] = "upload0";
constexpr char kLetGo[] = "letgo/";
constexpr char kLetGoEnd[] = "letgo0";
/// Values that one round looks at.
constexpr int64_t kRoundMax = 10'000;
constexpr int kFoldersDeep = 4;
/// Uploads whose folders may be known to be durable.
constexpr size_t kUploadsKnownMax = 10'000;

std::string LetGoName(FileId id) {
  return kLetGo + catalog::FileValueName(id).substr(sizeof(catalog::kFilesBegin) - 1);
}

}  // namespace

std::string FileStore::UploadFolder(const std::string& name) {
  return std::string(kFolder) + "/" + name;
}

Status FileStore::MakeUpload(const std::string& name) {
  // Its name is synced with the first file that is taken from it.
  ARROW_RETURN_NOT_OK(files_->MakeFolder(UploadFolder(name)));
  std::lock_guard lock(mutex_);
  // Of those that are forgotten the names are synced once more.
  if (uploads_made_.size() == kUploadsKnownMax) uploads_made_.clear();
  uploads_made_[name] = ++uploads_count_;
  return Status::OK();
}

catalog::ValueChange FileStore::KeepUpload(const std::string& name, int64_t until_ns,
                                           const std::vector<FileInfo>& named) {
  json value = {{"until_ns", until_ns}, {"named", json::array()}};
  for (const FileInfo& file : named) {
    for (const FileLocation& where : file.locations) {
      if (where.root.empty()) value["named"].push_back(where.path);
    }
  }
  return {.name = kUploads + name,
          .value = value.dump(-1, ' ', false, json::error_handler_t::replace)};
}

catalog::ValueChange FileStore::LetGo(FileId id, int64_t now_ns) {
  return {.name = LetGoName(id), .value = std::to_string(now_ns)};
}

catalog::ValueChange FileStore::Hold(FileId id) {
  return {.name = LetGoName(id), .value = {}};
}

bool FileStore::Keep(FileId file) {
  const int64_t now_ns = clock_->NowNs();
  std::lock_guard lock(mutex_);
  if (going_.contains(file)) return false;
  kept_ns_[file] = now_ns;
  return true;
}

Status FileStore::CollectFile(FileId id, int64_t let_go_ns) {
  {
    std::lock_guard lock(mutex_);
    const auto kept = kept_ns_.find(id);
    const int64_t since_ns =
        std::max({let_go_ns, opened_ns_, kept == kept_ns_.end() ? 0 : kept->second});
    if (since_ns > clock_->NowNs() - kKeptNs) return Status::OK();
    if (kept != kept_ns_.end()) kept_ns_.erase(kept);
    known_.erase(id);
    going_.insert(id);
  }
  ARROW_ASSIGN_OR_RAISE(const auto text, catalog_->GetValue(catalog::FileValueName(id)));
  if (text.has_value()) {
    ARROW_ASSIGN_OR_RAISE(const FileInfo file, catalog::DecodeFile(*text));
    // The bytes first: a record without them is found again, bytes without a record are not.
    for (const FileLocation& where : file.locations) {
      if (!where.owned || !where.root.empty()) continue;
      ARROW_RETURN_NOT_OK(files_->Remove(where.path));
      ARROW_RETURN_NOT_OK(RemoveEmptyAbove(where.path));
    }
  }
  ARROW_RETURN_NOT_OK(catalog_->ChangeValues(
      {{.name = catalog::FileValueName(id), .value = {}}, {.name = LetGoName(id), .value = {}}}));
  std::lock_guard lock(mutex_);
  going_.erase(id);
  return Status::OK();
}

Status FileStore::RemoveUnnamed(const std::string& folder, const std::vector<std::string>& named,
                                int depth) {
  auto listed = files_->List(folder);
  if (!listed.ok()) {
    return ReasonOf(listed.status()) == Reason::kFileMissing ? Status::OK() : listed.status();
  }
  bool removed = false;
  for (const store::FileInfo& found : *listed) {
    const std::string path = folder + "/" + found.name;
    if (found.is_folder) {
      if (depth == kFoldersDeep) continue;
      ARROW_RETURN_NOT_OK(RemoveUnnamed(path, named, depth + 1));
      ARROW_RETURN_NOT_OK(files_->RemoveFolder(path).status());
      removed = true;
    } else if (std::find(named.begin(), named.end(), path) == named.end()) {
      ARROW_RETURN_NOT_OK(files_->Remove(path));
      removed = true;
    }
  }
  // What went must not come back when its record is gone.
  return removed ? files_->SyncFolder(folder) : Status::OK();
}

Status FileStore::CollectUpload(const std::string& name, const std::string& text) {
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object() || !value.contains("until_ns")) {
    return Error(Code::kDataLoss, Reason::kNone, "the record of upload '" + name + "' is damaged");
  }
  const int64_t until_ns = value.value("until_ns", INT64_MAX);
  if (until_ns > clock_->NowNs() - kKeptNs) return Status::OK();
  const std::string folder = UploadFolder(name);
  ARROW_RETURN_NOT_OK(RemoveUnnamed(folder, value.value("named", std::vector<std::string>()), 0));
  // The folder's name goes before its record, which would find it again.
  ARROW_ASSIGN_OR_RAISE(const bool gone, files_->RemoveFolder(folder));
  if (gone) ARROW_RETURN_NOT_OK(files_->SyncFolder(kFolder));
  return catalog_->RemoveValue(kUploads + name);
}

Status FileStore::RemoveEmptyAbove(const std::string& path) {
  std::string folder = store::FolderOf(path);
  while (folder != kFolder && folder != kOwnFolder) {
    ARROW_ASSIGN_OR_RAISE(const auto upload,
                          catalog_->GetValue(kUploads + folder.substr(folder.rfind('/') + 1)));
    if (upload.has_value()) break;  // somebody may be writing to it; it goes with its record
    ARROW_ASSIGN_OR_RAISE(const bool gone, files_->RemoveFolder(folder));
    if (!gone) break;
    folder = store::FolderOf(folder);
  }
  // What went must not come back when its record is gone.
  const Status synced = files_->SyncFolder(folder);
  return ReasonOf(synced) == Reason::kFileMissing ? Status::OK() : synced;
}

Status FileStore::Collect() {
  ARROW_ASSIGN_OR_RAISE(const auto gone, catalog_->ScanValues(kLetGo, kLetGoEnd, kRoundMax));
  for (const auto& [name, text] : gone) {
    int64_t id = 0;
    int64_t since_ns = 0;
    std::from_chars(name.data() + sizeof(kLetGo) - 1, name.data() + name.size(), id, 16);
    std::from_chars(text.data(), text.data() + text.size(), since_ns);
    ARROW_RETURN_NOT_OK(CollectFile(FileId(id), since_ns));
  }
  ARROW_ASSIGN_OR_RAISE(const auto uploads, catalog_->ScanValues(kUploads, kUploadsEnd, kRoundMax));
  for (const auto& [name, text] : uploads) {
    ARROW_RETURN_NOT_OK(CollectUpload(name.substr(sizeof(kUploads) - 1), text));
  }
  return Status::OK();
}

Status FileStore::RemoveStrays() {
  // Folders that were made for an upload whose record did not come to be, or whose last file went.
  ARROW_ASSIGN_OR_RAISE(const auto folders, files_->List(kFolder));
  for (const store::FileInfo& found : folders) {
    if (!found.is_folder || store::PathIn(kFolder, found.name) == kOwnFolder) continue;
    ARROW_ASSIGN_OR_RAISE(const auto upload, catalog_->GetValue(kUploads + found.name));
    if (upload.has_value()) continue;
    ARROW_RETURN_NOT_OK(files_->RemoveFolder(store::PathIn(kFolder, found.name)).status());
  }
  ARROW_ASSIGN_OR_RAISE(const auto listed, files_->List(kOwnFolder));
  for (const store::FileInfo& found : listed) {
    int64_t id = 0;
    std::from_chars(found.name.data(), found.name.data() + found.name.size(), id, 16);
    ARROW_ASSIGN_OR_RAISE(const auto record,
                          catalog_->GetValue(catalog::FileValueName(FileId(id))));
    if (record.has_value()) continue;
    logging::Info("table", "removing {}/{}, which nothing names", kOwnFolder, found.name);
    ARROW_RETURN_NOT_OK(files_->Remove(std::string(kOwnFolder) + "/" + found.name));
  }
  return Status::OK();
}

}  // namespace firth::table
