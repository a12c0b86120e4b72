#include "firth/store/file_path.h"

#include "firth/common/text.h"

namespace firth::store {
namespace {

constexpr size_t kShownBytesMax = 64;

Status BadPath(std::string_view path, const char* why) {
  const bool show = path.size() <= kShownBytesMax && IsUtf8(path);
  return Error(
      Code::kInvalidArgument, Reason::kInvalidName,
      "the path " +
          (show ? "'" + std::string(path) + "'" : "of " + std::to_string(path.size()) + " bytes") +
          " cannot be used: " + why);
}

}  // namespace

Status CheckFilePath(std::string_view path) {
  if (path.empty()) return BadPath(path, "it is empty, and names no file");
  if (path.size() > kPathBytesMax) return BadPath(path, "it has more than 4095 bytes");
  if (path.front() == '/') return BadPath(path, "it is absolute; it must be relative to the root");
  if (path.find('\0') != path.npos) return BadPath(path, "it holds a NUL");
  if (path == kLockName) return BadPath(path, "the name is kept for the folder's lock");
  for (const std::string_view segment : SegmentsOf(path)) {
    if (segment.empty()) return BadPath(path, "it has an empty segment");
    if (segment == "." || segment == "..") return BadPath(path, "it has a segment '.' or '..'");
    if (segment.size() > kSegmentBytesMax)
      return BadPath(path, "a segment has more than 255 bytes");
  }
  return Status::OK();
}

Status CheckFolderPath(std::string_view path) {
  return path.empty() ? Status::OK() : CheckFilePath(path);
}

std::vector<std::string_view> SegmentsOf(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.empty()) return segments;
  for (;;) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == path.npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

std::string FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? std::string() : std::string(path.substr(0, slash));
}

std::string PathIn(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  return std::string(folder) + "/" + std::string(name);
}

}  // namespace firth::store
