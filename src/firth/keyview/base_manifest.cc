#include "firth/keyview/base_manifest.h"

#include <fmt/format.h>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"

namespace firth::keyview {
namespace {

constexpr std::string_view kMagic = "FKB1";
constexpr uint32_t kVersion = 1;
constexpr size_t kHashBytes = 8;
constexpr uint32_t kFilesMax = 1'000'000;

Status Damaged(const std::string& what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the manifest of a base of the key view " + what);
}

/// A name of RocksDB's: no path, nothing hidden.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace

std::string BaseFile::StoredName() const {
  return fmt::format("{}-{:016x}-{}", name, hash, bytes);
}

std::string BaseManifest::StoredName() const {
  return fmt::format("base-{}", number);
}

std::string EncodeManifest(const BaseManifest& manifest) {
  std::string bytes(kMagic);
  AppendLe(&bytes, kVersion);
  AppendLe(&bytes, manifest.number);
  AppendLe(&bytes, manifest.commit.value);
  AppendLe(&bytes, static_cast<uint32_t>(manifest.files.size()));
  for (const BaseFile& file : manifest.files) {
    AppendLe(&bytes, static_cast<uint16_t>(file.name.size()));
    bytes += file.name;
    AppendLe(&bytes, file.bytes);
    AppendLe(&bytes, file.hash);
  }
  AppendLe(&bytes, Hash64(AsBytes(bytes)));
  return bytes;
}

Result<BaseManifest> ParseManifest(std::string_view bytes) {
  if (bytes.size() < kMagic.size() + kHashBytes || !bytes.starts_with(kMagic)) {
    return Damaged("is none");
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - kHashBytes);
  if (LoadLe<uint64_t>(bytes.data() + covered.size()) != Hash64(AsBytes(covered))) {
    return Damaged("fails its checksum");
  }
  ByteReader reader(AsBytes(covered.substr(kMagic.size())));
  const auto version = reader.Le<uint32_t>();
  if (version > kVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 fmt::format("a base of the key view has version {}, and this program knows "
                             "version {}: use a newer program",
                             version, kVersion));
  }
  BaseManifest manifest;
  manifest.number = reader.Le<uint64_t>();
  manifest.commit = CommitId(reader.Le<int64_t>());
  const auto count = reader.Le<uint32_t>();
  if (count > kFilesMax) return Damaged("names too many files");
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    BaseFile file;
    file.name = AsText(reader.Take(reader.Le<uint16_t>()));
    file.bytes = reader.Le<uint64_t>();
    file.hash = reader.Le<uint64_t>();
    if (!IsPlainName(file.name)) return Damaged("holds a name that no file has");
    manifest.files.push_back(std::move(file));
  }
  if (!reader.ok() || reader.remaining() != 0) return Damaged("ends where it should not");
  return manifest;
}

}  // namespace firth::keyview
