#include "firth/keyview/key_bases.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"
#include "firth/common/hash_stream.h"
#include "firth/common/logging.h"
#include "firth/common/text.h"

namespace firth::keyview {
namespace {

constexpr uint64_t kManifestBytesMax = uint64_t{64} << 20;
constexpr uint64_t kFileBytesMax = uint64_t{1} << 30;
constexpr size_t kReadBytes = size_t{1} << 20;

/// The catalog's value: the manifest's number, its commit and its hash.
std::string ValueOf(const BaseManifest& manifest, const std::string& bytes) {
  return fmt::format("{} {} {:016x}", manifest.number, manifest.commit.value,
                     Hash64(AsBytes(bytes)));
}

/// The number and commit of a catalog's value.
Result<BaseManifest> ParseValue(std::string_view value) {
  const size_t first = value.find(' ');
  const size_t second = value.find(' ', first + 1);
  if (first != std::string_view::npos && second != std::string_view::npos) {
    const auto number = ParseInt64(value.substr(0, first));
    const auto commit = ParseInt64(value.substr(first + 1, second - first - 1));
    if (number.ok() && commit.ok() && *number > 0 && *commit >= 0) {
      return BaseManifest{.number = static_cast<uint64_t>(*number), .commit = CommitId(*commit)};
    }
  }
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the catalog's value '" + std::string(kBaseValue) + "' names no base");
}

bool LinkInSystem(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::create_hard_link(from, to, error);
  return !error || error == std::errc::file_exists;
}

}  // namespace

Result<std::unique_ptr<KeyBases>> KeyBases::Open(const KeyBasesOptions& options) {
  std::unique_ptr<KeyBases> bases(new KeyBases(options));
  ARROW_RETURN_NOT_OK(store::MakeFolderDurably(options.files, options.folder));
  const Status loaded = bases->Load();
  if (ReasonOf(loaded) == Reason::kFormatTooNew) return loaded;
  if (!loaded.ok()) {
    if (CodeOf(loaded) != Code::kDataLoss && ReasonOf(loaded) != Reason::kFileMissing) {
      return loaded;
    }
    // Nothing is removed: somebody may want to look at what is left.
    bases->damage_ = loaded;
    logging::Error("keyview", "the base of the key view cannot be used: {}", MessageOf(loaded));
    return bases;
  }
  ARROW_RETURN_NOT_OK(bases->RemoveOthers(bases->newest_.value_or(BaseManifest{})));
  return bases;
}

Status KeyBases::Load() {
  ARROW_ASSIGN_OR_RAISE(const auto named, options_.catalog->GetValue(kBaseValue));
  if (!named.has_value()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const BaseManifest wanted, ParseValue(*named));
  named_commit_ = wanted.commit;
  const std::string path = PathOf(wanted.StoredName());
  ARROW_ASSIGN_OR_RAISE(const auto buffer,
                        store::ReadFile(options_.files, path, kManifestBytesMax));
  const std::string bytes(buffer->ToString());
  auto manifest = ParseManifest(bytes);
  if (!manifest.ok()) {
    return Error(CodeOf(manifest.status()), ReasonOf(manifest.status()),
                 "file '" + path + "': " + MessageOf(manifest.status()));
  }
  if (manifest->number != wanted.number || ValueOf(*manifest, bytes) != *named) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "file '" + path + "' is not the manifest that the catalog names");
  }
  newest_ = std::move(*manifest);
  return Status::OK();
}

CommitId KeyBases::commit() const {
  std::lock_guard lock(mutex_);
  return newest_.has_value() ? newest_->commit : CommitId(0);
}

CommitId KeyBases::named_commit() const {
  std::lock_guard lock(mutex_);
  return named_commit_;
}

Status KeyBases::damage() const {
  std::lock_guard lock(mutex_);
  return damage_;
}

std::optional<BaseManifest> KeyBases::newest() const {
  std::lock_guard lock(mutex_);
  return newest_;
}

Status KeyBases::RemoveOthers(const BaseManifest& manifest) {
  std::set<std::string> named = {manifest.StoredName()};
  for (const BaseFile& file : manifest.files) named.insert(file.StoredName());
  ARROW_ASSIGN_OR_RAISE(const auto present, options_.files->List(options_.folder));
  for (const store::FileInfo& file : present) {
    if (named.contains(file.name)) continue;
    ARROW_RETURN_NOT_OK(options_.files->Remove(PathOf(file.name)));
  }
  return Status::OK();
}

Status KeyBases::Add(const ViewFile& file, BaseFile* stored) {
  stored->name = file.name;
  stored->bytes = file.bytes;
  std::string content;
  if (file.hash.has_value()) {
    stored->hash = *file.hash;
  } else {
    ARROW_ASSIGN_OR_RAISE(content, file.read());
    stored->hash = Hash64(AsBytes(content));
    stored->bytes = content.size();
  }
  const std::string path = PathOf(stored->StoredName());
  ARROW_ASSIGN_OR_RAISE(const bool there, options_.files->Exists(path));
  if (there) return Status::OK();
  if (file.hash.has_value() && !file.os_path.empty() && !options_.os_root.empty() &&
      LinkInSystem(file.os_path, options_.os_root + "/" + path)) {
    return Status::OK();
  }
  if (content.empty()) {
    ARROW_ASSIGN_OR_RAISE(content, file.read());
  }
  return store::WriteFileAtomically(options_.files, path, AsBytes(content));
}

Status KeyBases::VerifyFile(const BaseFile& file) const {
  const std::string path = PathOf(file.StoredName());
  ARROW_ASSIGN_OR_RAISE(const auto opened, options_.files->Open(path));
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, opened->Size());
  if (bytes != file.bytes) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 fmt::format("file '{}' of a base of the key view has {} bytes, not {}", path,
                             bytes, file.bytes));
  }
  HashStream hash;
  std::vector<std::byte> part(kReadBytes);
  for (uint64_t at = 0; at < bytes; at += part.size()) {
    part.resize(std::min<uint64_t>(kReadBytes, bytes - at));
    ARROW_RETURN_NOT_OK(opened->Read(at, part));
    hash.Add(part);
  }
  if (hash.Digest() == file.hash) return Status::OK();
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "file '" + path + "' of a base of the key view fails its checksum");
}

Status KeyBases::Verify() const {
  ARROW_RETURN_NOT_OK(damage());
  const auto manifest = newest();
  if (!manifest.has_value()) return Status::OK();
  for (const BaseFile& file : manifest->files) ARROW_RETURN_NOT_OK(VerifyFile(file));
  return Status::OK();
}

Status KeyBases::Publish(const BaseManifest& manifest) {
  // The names of the files, before the manifest that counts on them.
  ARROW_RETURN_NOT_OK(options_.files->SyncFolder(options_.folder));
  const std::string bytes = EncodeManifest(manifest);
  ARROW_RETURN_NOT_OK(
      store::WriteFileAtomically(options_.files, PathOf(manifest.StoredName()), AsBytes(bytes)));
  return options_.catalog->PutValue(kBaseValue, ValueOf(manifest, bytes));
}

Status KeyBases::Cut(KeyView* view) {
  std::lock_guard cut(cut_mutex_);
  const auto before = newest();
  BaseManifest manifest;
  ARROW_ASSIGN_OR_RAISE(const int64_t number, options_.catalog->TakeIds(kBaseValue, 1));
  manifest.number = static_cast<uint64_t>(number);
  // What is applied later may be in the files, too: then it is applied again, to the same effect.
  manifest.commit = view->watermark();
  std::vector<BaseFile> added;
  ARROW_RETURN_NOT_OK(view->Export([&](const std::vector<ViewFile>& files) -> Status {
    for (const ViewFile& file : files) {
      BaseFile stored;
      ARROW_RETURN_NOT_OK(Add(file, &stored));
      const bool had =
          before.has_value() &&
          std::any_of(before->files.begin(), before->files.end(),
                      [&](const BaseFile& old) { return old.StoredName() == stored.StoredName(); });
      if (!had) added.push_back(stored);
      manifest.files.push_back(std::move(stored));
    }
    return Status::OK();
  }));
  for (const BaseFile& file : added) ARROW_RETURN_NOT_OK(VerifyFile(file));
  ARROW_RETURN_NOT_OK(Publish(manifest));
  {
    std::lock_guard lock(mutex_);
    newest_ = manifest;
    named_commit_ = manifest.commit;
    damage_ = Status::OK();
  }
  return holds_ == 0 ? RemoveOthers(manifest) : Status::OK();
}

void KeyBases::Hold() {
  std::lock_guard cut(cut_mutex_);
  ++holds_;
}

void KeyBases::Release() {
  std::lock_guard cut(cut_mutex_);
  --holds_;
}

Status KeyBases::Fill(const Place& place) {
  ARROW_RETURN_NOT_OK(damage());
  auto manifest = newest();
  FIRTH_CHECK(manifest.has_value());
  // What names the others comes last: a folder without it is not taken for a whole one.
  std::stable_partition(manifest->files.begin(), manifest->files.end(),
                        [](const BaseFile& file) { return file.name != "CURRENT"; });
  for (const BaseFile& file : manifest->files) {
    ARROW_RETURN_NOT_OK(VerifyFile(file));
    const std::string path = PathOf(file.StoredName());
    // Files of rows never change; the others are written on.
    if (file.name.ends_with(".sst") && !place.os_folder.empty() && !options_.os_root.empty() &&
        LinkInSystem(options_.os_root + "/" + path, place.os_folder + "/" + file.name)) {
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto bytes, store::ReadFile(options_.files, path, kFileBytesMax));
    ARROW_RETURN_NOT_OK(place.write(file.name, bytes->ToString()));
  }
  return Status::OK();
}

}  // namespace firth::keyview
