#include "firth/catalog/files.h"

#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "firth/common/json_number.h"

namespace firth::catalog {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

std::string Hex(uint64_t value) {
  std::array<char, 17> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), "%016" PRIx64, value));
  return text.data();
}

Result<uint64_t> FromHex(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error == std::errc() && end == text.data() + text.size() && text.size() == 16) return value;
  return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a file's record has a bad checksum");
}

Result<FileInfo> FromJson(const json& record) {
  if (WholeNumber<int>(record.at("v")) != kVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "a file's record was written by a newer program");
  }
  FileInfo file;
  file.id = FileId(WholeNumber<int64_t>(record.at("id")));
  record.at("format").get_to(file.format);
  record.at("encoding").get_to(file.encoding);
  file.bytes = WholeNumber<uint64_t>(record.at("bytes"));
  file.rows = WholeNumber<int64_t>(record.at("rows"));
  record.at("columns").get_to(file.columns);
  ARROW_ASSIGN_OR_RAISE(file.hash, FromHex(record.at("hash").get_ref<const std::string&>()));
  const auto& blocks = record.at("blocks").get_ref<const std::string&>();
  for (size_t at = 0; at < blocks.size(); at += 16) {
    ARROW_ASSIGN_OR_RAISE(const uint64_t block, FromHex(std::string_view(blocks).substr(at, 16)));
    file.blocks.push_back(block);
  }
  for (const json& place : record.at("locations")) {
    file.locations.push_back({.root = place.at("root").get<std::string>(),
                              .path = place.at("path").get<std::string>(),
                              .owned = place.at("owned").get<bool>()});
  }
  if (record.contains("statistics")) file.statistics = record.at("statistics").dump();
  file.made_ns = WholeNumber<int64_t>(record.at("made_ns"));
  if (file.blocks.size() != (file.bytes + kFileBlockBytes - 1) / kFileBlockBytes) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the record of file " + std::to_string(file.id.value) + " lacks checksums");
  }
  return file;
}

}  // namespace

std::string FileValueName(FileId id) {
  return kFilesBegin + Hex(static_cast<uint64_t>(id.value));
}

std::string EncodeFile(const FileInfo& file) {
  json record = {{"v", kVersion},           {"id", file.id.value},
                 {"format", file.format},   {"encoding", file.encoding},
                 {"bytes", file.bytes},     {"rows", file.rows},
                 {"columns", file.columns}, {"hash", Hex(file.hash)},
                 {"made_ns", file.made_ns}};
  std::string blocks;
  for (const uint64_t block : file.blocks) blocks += Hex(block);
  record["blocks"] = std::move(blocks);
  json places = json::array();
  for (const FileLocation& place : file.locations) {
    places.push_back({{"root", place.root}, {"path", place.path}, {"owned", place.owned}});
  }
  record["locations"] = std::move(places);
  if (!file.statistics.empty()) {
    record["statistics"] = json::parse(file.statistics, nullptr, /*allow_exceptions=*/false);
  }
  return record.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<FileInfo> DecodeFile(std::string_view text) {
  try {
    return FromJson(json::parse(text));
  } catch (const json::exception& error) {
    return Error(Code::kDataLoss, Reason::kNone,
                 std::string("a file's record cannot be read: ") + error.what());
  }
}

}  // namespace firth::catalog
