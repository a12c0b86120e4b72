#include "firth/table/backup.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

#include "firth/common/checksum.h"
#include "firth/store/block_file.h"
#include "firth/store/own_folder.h"
#include "firth/table/database_impl.h"
#include "firth/table/key_view_folder.h"

namespace firth::table {
namespace {

namespace fs = std::filesystem;

constexpr size_t kCopyBytes = 1 << 20;
constexpr int kManifestVersion = 1;
constexpr uint64_t kManifestBytesMax = uint64_t{1} << 30;
/// The catalog's files; those that are absent have nothing to say.
constexpr const char* kCatalogFiles[] = {"catalog.db", "catalog.db-wal", "catalog.db-mark"};

struct CopiedFile {
  std::string path;
  uint64_t bytes = 0;
  uint64_t hash = 0;  // XXH3-64, chained over pieces of kCopyBytes
};

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

/// Copies files and remembers what is to be synced and listed.
class Copier {
 public:
  Copier(store::FileSystem* from, store::FileSystem* to) : from_(from), to_(to) {}

  /// Copy the first `bytes` of a file, or all of it.
  Result<CopiedFile> Copy(const std::string& path, std::optional<uint64_t> bytes = {}) {
    ARROW_ASSIGN_OR_RAISE(const auto source, from_->Open(path));
    return CopyFrom(*source, path, bytes);
  }

  /// The same for a file of the log, which may be appended to meanwhile.
  Result<CopiedFile> CopyLive(const std::string& path, uint64_t bytes) {
    ARROW_ASSIGN_OR_RAISE(const auto source, store::OpenPastCache(from_, path));
    return CopyFrom(*source, path, bytes);
  }

  /// Make a file of these bytes, in a folder to which others were copied.
  Result<CopiedFile> Put(const std::string& path, const std::string& content) {
    ARROW_ASSIGN_OR_RAISE(const auto target, to_->Create(path));
    ARROW_RETURN_NOT_OK(target->Write(0, {AsBytes(content)}));
    ARROW_RETURN_NOT_OK(target->Sync());
    return CopiedFile{.path = path, .bytes = content.size(), .hash = Hash64(AsBytes(content), 0)};
  }

  Status SyncFolders() {
    for (const std::string& folder : folders_) ARROW_RETURN_NOT_OK(to_->SyncFolder(folder));
    return Status::OK();
  }

 private:
  Result<CopiedFile> CopyFrom(const store::File& source, const std::string& path,
                              std::optional<uint64_t> bytes) {
    if (!bytes.has_value()) {
      ARROW_ASSIGN_OR_RAISE(bytes, source.Size());
    }
    const std::string folder = FolderOf(path);
    if (!folder.empty() && folders_.insert(folder).second) {
      ARROW_RETURN_NOT_OK(store::MakeFolderDurably(to_, folder));
    }
    folders_.insert(folder);
    ARROW_ASSIGN_OR_RAISE(const auto target, to_->Create(path));
    CopiedFile copied{.path = path, .bytes = *bytes};
    std::string piece;
    for (uint64_t at = 0; at < *bytes; at += piece.size()) {
      piece.resize(std::min<uint64_t>(kCopyBytes, *bytes - at));
      ARROW_RETURN_NOT_OK(
          source.Read(at, std::as_writable_bytes(std::span(piece.data(), piece.size()))));
      copied.hash = Hash64(AsBytes(piece), copied.hash);
      ARROW_RETURN_NOT_OK(target->Write(at, {AsBytes(piece)}));
    }
    ARROW_RETURN_NOT_OK(target->Sync());
    return copied;
  }

  store::FileSystem* const from_;
  store::FileSystem* const to_;
  std::set<std::string> folders_;
};

/// An existing or new folder that holds nothing.
Result<std::unique_ptr<store::FileSystem>> OpenEmpty(const std::string& folder) {
  ARROW_RETURN_NOT_OK(store::MakeOwnFolder(folder));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename() == "LOCK") continue;
    return Error(Code::kInvalidArgument, Reason::kInvalidName,
                 "the folder " + folder + " is not empty: name one that is, or a new one");
  }
  return store::OpenLocalFileSystem(folder);
}

/// Is this name, at the root, a file or folder that can be made anew, or is copied by itself?
bool IsLeftOut(std::string_view name) {
  return name.starts_with("catalog.db") || name == "journal" || name == "endpoints.json" ||
         name == "admin.secret" || name == kKeyViewFolder || name == "spill" ||
         name.ends_with(store::kTemporarySuffix);
}

Status ListBelow(store::FileSystem* files, const std::string& folder,
                 std::vector<std::string>* paths) {
  ARROW_ASSIGN_OR_RAISE(const auto listed, files->List(folder));
  for (const store::FileInfo& info : listed) {
    if (folder.empty() && IsLeftOut(info.name)) continue;
    if (info.name.ends_with(store::kTemporarySuffix)) continue;
    const std::string path = folder.empty() ? info.name : folder + "/" + info.name;
    if (info.is_folder) {
      ARROW_RETURN_NOT_OK(ListBelow(files, path, paths));
    } else {
      paths->push_back(path);
    }
  }
  return Status::OK();
}

std::string ManifestText(CommitId commit, const std::vector<CopiedFile>& files) {
  std::string text = "firth-backup " + std::to_string(kManifestVersion) + "\ncommit " +
                     std::to_string(commit.value) + "\n";
  char number[32];
  for (const CopiedFile& file : files) {
    std::snprintf(number, sizeof number, "%016llx", static_cast<unsigned long long>(file.hash));
    text += std::to_string(file.bytes) + " " + number + " " + file.path + "\n";
  }
  std::snprintf(number, sizeof number, "%016llx",
                static_cast<unsigned long long>(Hash64(AsBytes(text))));
  return text + "end " + number + "\n";
}

Status DamagedManifest(const std::string& backup) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               backup + "/" + kBackupManifest + " is damaged");
}

Result<std::vector<CopiedFile>> ParseManifest(const std::string& backup, const std::string& text,
                                              CommitId* commit) {
  std::istringstream in(text);
  std::string word;
  int version = 0;
  in >> word >> version;
  if (!in || word != "firth-backup") return DamagedManifest(backup);
  if (version > kManifestVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "the backup has format " + std::to_string(version) +
                     "; this program reads up to " + std::to_string(kManifestVersion) +
                     ": use the newer firth that wrote it");
  }
  const size_t end = text.rfind("end ");
  if (end == std::string::npos || std::strtoull(text.c_str() + end + 4, nullptr, 16) !=
                                      Hash64(AsBytes(std::string_view(text).substr(0, end)))) {
    return DamagedManifest(backup);
  }
  in >> word >> commit->value;
  std::vector<CopiedFile> files;
  CopiedFile file;
  while (static_cast<size_t>(in.tellg()) + 1 < end && in >> file.bytes >> std::hex >> file.hash) {
    in >> std::dec;
    in.get();  // one space; the path may hold others
    std::getline(in, file.path);
    files.push_back(file);
  }
  if (!in) return DamagedManifest(backup);
  return files;
}

/// Copy the catalog's files as they stand with no transaction half done: from within a change that
/// then is not made. What the change's own transaction has written does not count without its end.
Status CopyCatalog(catalog::Catalog* catalog, CommitId last, Copier* copier,
                   std::vector<CopiedFile>* copied) {
  Status done;
  std::vector<catalog::Change> group(1);
  group[0].id = CommitId(last.value + 1);
  group[0].run = [&](catalog::Changes*) {
    for (const char* name : kCatalogFiles) {
      auto file = copier->Copy(name);
      if (file.ok()) {
        copied->push_back(*std::move(file));
      } else if (ReasonOf(file.status()) != Reason::kFileMissing) {
        done = file.status();
      }
    }
    return Error(Code::kAborted, Reason::kNone, "only looking");
  };
  ARROW_RETURN_NOT_OK(catalog->ApplyGroup(&group));
  return done;
}

/// Copy everything to `folder`. `began`: the folder was empty, and may hold something now.
Result<BackupReport> CopyStore(DatabaseImpl* impl, const std::string& folder, bool* began) {
  ARROW_ASSIGN_OR_RAISE(const auto target, OpenEmpty(folder));
  *began = true;
  Copier copier(impl->files(), target.get());
  std::vector<CopiedFile> copied;
  log::LogStore* log = impl->log();
  struct Unpin {
    log::LogStore* log;
    ~Unpin() { log->Unpin(); }
  };
  // The bases that the catalog's copy names, and none of a later commit.
  const auto series_bases = impl->series_store()->HoldBases();
  struct Release {
    keyview::KeyBases* bases;
    ~Release() { bases->Release(); }
  };
  impl->key_bases()->Hold();
  const Release release{impl->key_bases()};
  const auto lakes = impl->lake_store()->Hold();
  log::LogStore::Pinned pinned;
  const std::function<void(std::function<void(const Result<bool>&)>)> pin =
      [&](std::function<void(const Result<bool>&)> done) {
        log->Pin([&, done = std::move(done)](const log::LogStore::Pinned& now) {
          pinned = now;
          const Status status = CopyCatalog(impl->catalog(), now.last_commit, &copier, &copied);
          done(status.ok() ? Result<bool>(true) : Result<bool>(status));
        });
      };
  const auto cut = impl->Await<bool>(pin);
  const Unpin unpin{log};
  ARROW_RETURN_NOT_OK(cut.status());
  for (const log::LogStore::PinnedFile& file : pinned.files) {
    ARROW_ASSIGN_OR_RAISE(auto copy, copier.CopyLive(file.path, file.bytes));
    copied.push_back(std::move(copy));
  }
  ARROW_ASSIGN_OR_RAISE(auto mark, copier.Put(pinned.mark.path, pinned.mark_content));
  copied.push_back(std::move(mark));
  // What the catalog names lies there by now, nothing of it changes, and it is held; a file that
  // goes away meanwhile is one that the catalog's copy does not name.
  std::vector<std::string> paths;
  ARROW_RETURN_NOT_OK(ListBelow(impl->files(), "", &paths));
  for (const std::string& path : paths) {
    auto copy = copier.Copy(path);
    if (ReasonOf(copy.status()) == Reason::kFileMissing) continue;
    ARROW_RETURN_NOT_OK(copy.status());
    copied.push_back(*std::move(copy));
  }
  ARROW_RETURN_NOT_OK(copier.SyncFolders());
  BackupReport report{.commit = pinned.last_commit, .files = copied.size()};
  for (const CopiedFile& file : copied) report.bytes += file.bytes;
  const std::string manifest = ManifestText(report.commit, copied);
  ARROW_RETURN_NOT_OK(store::WriteFileAtomically(target.get(), kBackupManifest, AsBytes(manifest)));
  return report;
}

/// Copy everything that the manifest lists, verifying it. `began`: `data` was empty, and may hold
/// something now.
Result<BackupReport> CopyBackup(const std::string& backup, const std::string& data, bool* began) {
  std::error_code ignored;
  if (!fs::exists(fs::path(backup) / kBackupManifest, ignored)) {
    return Error(
        Code::kNotFound, Reason::kFileMissing,
        "the folder " + backup + " holds no whole backup: it has no file " + kBackupManifest);
  }
  ARROW_ASSIGN_OR_RAISE(const auto source, store::OpenLocalFileSystem(backup));
  ARROW_ASSIGN_OR_RAISE(const auto text,
                        store::ReadFile(source.get(), kBackupManifest, kManifestBytesMax));
  BackupReport report;
  ARROW_ASSIGN_OR_RAISE(const auto files, ParseManifest(backup, text->ToString(), &report.commit));
  ARROW_ASSIGN_OR_RAISE(const auto target, OpenEmpty(data));
  *began = true;
  Copier copier(source.get(), target.get());
  for (const CopiedFile& file : files) {
    auto copy = copier.Copy(file.path, file.bytes);
    const bool same = copy.ok() && copy->hash == file.hash;
    if (!same && (copy.ok() || CodeOf(copy.status()) == Code::kOutOfRange ||
                  ReasonOf(copy.status()) == Reason::kFileMissing)) {
      return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                   backup + "/" + file.path + " is not as it was when the backup was made");
    }
    ARROW_RETURN_NOT_OK(copy.status());
    ++report.files;
    report.bytes += file.bytes;
  }
  ARROW_RETURN_NOT_OK(copier.SyncFolders());
  return report;
}

/// A copy, or why there is none. Half a store must not be taken for one, and takes the place of a
/// whole one: the folder, which was empty when the copy `began`, is empty again.
Result<BackupReport> WholeOrNothing(Result<BackupReport> copied, const std::string& folder,
                                    bool began) {
  if (copied.ok() || !began) return copied;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    fs::remove_all(entry.path(), ignored);
  }
  return copied;
}

}  // namespace

Result<BackupReport> BackUp(Database* database, const std::string& folder) {
  bool began = false;
  auto copied = CopyStore(static_cast<DatabaseImpl*>(database), folder, &began);
  return WholeOrNothing(std::move(copied), folder, began);
}

Result<BackupReport> RestoreBackup(const std::string& backup, const std::string& data) {
  bool began = false;
  auto copied = CopyBackup(backup, data, &began);
  return WholeOrNothing(std::move(copied), data, began);
}

}  // namespace firth::table
