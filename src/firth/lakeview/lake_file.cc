#include "firth/lakeview/lake_file.h"

#include <spdlog/fmt/fmt.h>

#include "firth/lakeview/file_stream.h"

namespace firth::lakeview {
namespace {

Status Check(store::FileSystem* files, const std::string& path, const LakeFileInfo& info) {
  const auto source = FileSource::Open(files, path);
  if (ReasonOf(source.status()) == Reason::kFileMissing) {
    return Error(Code::kDataLoss, Reason::kFileMissing, "the lake file " + path + " is missing");
  }
  ARROW_RETURN_NOT_OK(source.status());
  ARROW_ASSIGN_OR_RAISE(const int64_t size, (*source)->GetSize());
  if (static_cast<uint64_t>(size) != info.bytes) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the lake file " + path + " has " + std::to_string(size) + " bytes, not " +
                     std::to_string(info.bytes));
  }
  ARROW_ASSIGN_OR_RAISE(const uint64_t hash, HashOfFile(source->get()));
  if (hash == info.hash) return Status::OK();
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the lake file " + path + " is damaged: its checksum is wrong");
}

}  // namespace

std::string Hex16(int64_t number) {
  return fmt::format("{:016x}", static_cast<uint64_t>(number));
}
std::string LakeFileName(int64_t number) {
  return Hex16(number) + ".parquet";
}

std::vector<int> GroupsIn(const LakeFileInfo& info, std::string_view from, std::string_view to) {
  const auto count = static_cast<int>((info.rows + kRowGroupRows - 1) / kRowGroupRows);
  std::vector<int> groups;
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    if (info.group_keys.size() == static_cast<size_t>(count)) {
      if (!to.empty() && std::string_view(info.group_keys[at]) >= to) break;
      // The last key of a group is at most the first of the next, which may have been cut.
      if (i + 1 < count) {
        const std::string& next = info.group_keys[at + 1];
        if (next < from && !from.starts_with(next)) continue;
      } else if (!info.greatest_key.empty() && info.greatest_key < from &&
                 !from.starts_with(info.greatest_key)) {
        continue;
      }
    }
    groups.push_back(i);
  }
  return groups;
}

LakeFile::~LakeFile() {
  if (!doomed_) return;
  // A file that stays behind is found at the next start.
  static_cast<void>(files_->Remove(path));
}

Status LakeFile::Verify() const {
  std::lock_guard lock(mutex_);
  if (checked_) return checked_status_;
  Status status = Check(files_, path, info);
  // Trouble of the moment is no verdict.
  if (status.ok() || CodeOf(status) == Code::kDataLoss) {
    checked_ = true;
    checked_status_ = status;
  }
  return status;
}

void LakeFile::SetVerified() const {
  std::lock_guard lock(mutex_);
  checked_ = true;
}

}  // namespace firth::lakeview
