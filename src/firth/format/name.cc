#include "firth/format/name.h"

#include <algorithm>
#include <array>
#include <utility>

namespace firth::format {
namespace {

constexpr std::array<std::pair<std::string_view, FileFormat>, 13> kFormats = {{
    {".parquet", FileFormat::kParquet},
    {".csv", FileFormat::kCsv},
    {".tsv", FileFormat::kTsv},
    {".psv", FileFormat::kPsv},
    {".jsonl", FileFormat::kJsonLines},
    {".ndjson", FileFormat::kJsonLines},
    {".json", FileFormat::kJsonLines},
    {".feather", FileFormat::kArrowFile},
    {".arrow", FileFormat::kArrowFile},
    {".arrows", FileFormat::kArrowStream},
    {".ipc", FileFormat::kArrowFile},
    {".orc", FileFormat::kOrc},
    {".avro", FileFormat::kAvro},
}};
constexpr std::array<std::pair<std::string_view, Packing>, 3> kPackings = {
    {{".gz", Packing::kGzip}, {".zst", Packing::kZstd}, {".zip", Packing::kZip}}};
/// More packings around one another than anybody means.
constexpr size_t kPackingsMax = 3;

}  // namespace

NameParts TakeNameApart(std::string_view name) {
  std::string lower(name.substr(name.find_last_of('/') + 1));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string_view rest = lower;
  NameParts parts;
  for (bool found = true; found && parts.packings.size() < kPackingsMax;) {
    found = false;
    for (const auto& [suffix, packing] : kPackings) {
      if (!rest.ends_with(suffix)) continue;
      rest.remove_suffix(suffix.size());
      parts.packings.push_back(packing);
      found = true;
    }
  }
  for (const auto& [suffix, format] : kFormats) {
    if (rest.ends_with(suffix)) parts.format = format;
  }
  return parts;
}

Status UnknownName(const std::string& name) {
  std::string known;
  for (const auto& [suffix, format] : kFormats) known.append(suffix).append(" ");
  return Error(Code::kInvalidArgument, Reason::kNone,
               "the name '" + name.substr(0, 256) + "' tells no known format; known are " + known +
                   "and each of them with .gz or .zst behind it or as the one file in a .zip");
}

Result<FileFormat> FormatOfName(const std::string& name) {
  const NameParts parts = TakeNameApart(name);
  if (!parts.format.has_value()) return UnknownName(name);
  return *parts.format;
}

}  // namespace firth::format
