#include "firth/timeview/manifest.h"

#include <arrow/buffer.h>

#include "firth/common/checksum.h"

namespace firth::timeview {
namespace {

constexpr uint64_t kMagic = 0x45534142454d4954;  // "TIMEBASE"
constexpr uint64_t kManifestBytesMax = uint64_t{64} << 20;

}  // namespace

// | u64 magic | u32 version | u32 next number | i64 watermark | u64 series | u64 obliterations
// | u32 open file | u32 files | each: u32 kind, u32 number, u64 bytes, u64 replaced, u64 gone,
//   u64 searched
// | u32 moved | each: u32 number, u32 packed
// | u32 runs | each: u32 number, u64 entries
// | u64 XXH3-64 of all that
Status WriteManifest(store::FileSystem* files, const std::string& folder,
                     const Manifest& manifest) {
  std::string out;
  AppendLe(&out, kMagic);
  AppendLe(&out, kFormatVersion);
  AppendLe(&out, manifest.next_number);
  AppendLe(&out, manifest.watermark.value);
  AppendLe(&out, manifest.series);
  AppendLe(&out, manifest.obliterations);
  AppendLe(&out, manifest.open_file);
  AppendLe(&out, static_cast<uint32_t>(manifest.files.size()));
  for (const Manifest::RecordFile& file : manifest.files) {
    AppendLe(&out, static_cast<uint32_t>(file.kind));
    AppendLe(&out, file.number);
    AppendLe(&out, file.bytes);
    AppendLe(&out, file.replaced_bytes);
    AppendLe(&out, file.gone_bytes);
    AppendLe(&out, file.searched);
  }
  AppendLe(&out, static_cast<uint32_t>(manifest.moved.size()));
  for (const Manifest::Moved& moved : manifest.moved) {
    AppendLe(&out, moved.number);
    AppendLe(&out, moved.packed);
  }
  AppendLe(&out, static_cast<uint32_t>(manifest.runs.size()));
  for (const Manifest::Run& run : manifest.runs) {
    AppendLe(&out, run.number);
    AppendLe(&out, run.entries);
  }
  AppendLe(&out, Hash64(AsBytes(out)));
  return store::WriteFileAtomically(files, folder + "/" + kManifestName, AsBytes(out));
}

Result<std::optional<Manifest>> ReadManifest(store::FileSystem* files, const std::string& folder) {
  const std::string path = folder + "/" + kManifestName;
  ARROW_ASSIGN_OR_RAISE(const bool exists, files->Exists(path));
  if (!exists) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const auto buffer, store::ReadFile(files, path, kManifestBytesMax));
  const Bytes bytes(reinterpret_cast<const std::byte*>(buffer->data()),
                    static_cast<size_t>(buffer->size()));
  const auto damaged = [&path](const char* what) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch, path + ": " + what);
  };
  ByteReader in(bytes);
  const auto magic = in.Le<uint64_t>();
  const auto version = in.Le<uint32_t>();
  if (!in.ok() || magic != kMagic) return damaged("this is not a manifest");
  if (Hash64(bytes.first(bytes.size() - sizeof(uint64_t))) !=
      LoadLe<uint64_t>(bytes.data() + bytes.size() - sizeof(uint64_t))) {
    return damaged("the checksum does not match");
  }
  if (version > kFormatVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 path + " has format version " + std::to_string(version) +
                     ", this program reads up to " + std::to_string(kFormatVersion));
  }
  Manifest manifest;
  manifest.next_number = in.Le<uint32_t>();
  manifest.watermark = CommitId(in.Le<int64_t>());
  manifest.series = in.Le<uint64_t>();
  manifest.obliterations = in.Le<uint64_t>();
  manifest.open_file = in.Le<uint32_t>();
  const auto file_count = in.Le<uint32_t>();
  for (uint32_t i = 0; i < file_count && in.ok(); ++i) {
    Manifest::RecordFile file;
    file.kind = static_cast<FileKind>(in.Le<uint32_t>());
    file.number = in.Le<uint32_t>();
    file.bytes = in.Le<uint64_t>();
    file.replaced_bytes = in.Le<uint64_t>();
    file.gone_bytes = in.Le<uint64_t>();
    file.searched = in.Le<uint64_t>();
    if (file.kind != FileKind::kNodes && file.kind != FileKind::kPacked) {
      return damaged("a file of unknown kind");
    }
    manifest.files.push_back(file);
  }
  const auto moved_count = in.Le<uint32_t>();
  for (uint32_t i = 0; i < moved_count && in.ok(); ++i) {
    Manifest::Moved moved;
    moved.number = in.Le<uint32_t>();
    moved.packed = in.Le<uint32_t>();
    manifest.moved.push_back(moved);
  }
  const auto run_count = in.Le<uint32_t>();
  for (uint32_t i = 0; i < run_count && in.ok(); ++i) {
    Manifest::Run run;
    run.number = in.Le<uint32_t>();
    run.entries = in.Le<uint64_t>();
    manifest.runs.push_back(run);
  }
  if (!in.ok() || in.remaining() != sizeof(uint64_t)) return damaged("its length is wrong");
  return manifest;
}

}  // namespace firth::timeview
