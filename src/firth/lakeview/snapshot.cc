#include "firth/lakeview/snapshot.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "firth/common/text.h"

namespace firth::lakeview {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

json FileToJson(const LakeFileInfo& info) {
  json groups = json::array();
  for (const auto& key : info.group_keys) groups.push_back(ToHex(key));
  return {{"number", info.number},
          {"bytes", info.bytes},
          {"hash", info.hash},
          {"rows", info.rows},
          {"schema", info.schema_id.value},
          {"log", info.log.value},
          {"begin", info.begin.value},
          {"end", info.end.value},
          {"first_commit", info.first_commit.value},
          {"last_commit", info.last_commit.value},
          {"first_time", info.first_time_ns},
          {"last_time", info.last_time_ns},
          {"added", info.added},
          {"level", info.level},
          {"least_key", ToHex(info.least_key)},
          {"greatest_key", ToHex(info.greatest_key)},
          {"group_keys", std::move(groups)}};
}

/// Throws what nlohmann throws.
Result<LakeFileInfo> FileFromJson(const json& from) {
  LakeFileInfo info;
  info.number = from.at("number").get<int64_t>();
  info.bytes = from.at("bytes").get<uint64_t>();
  info.hash = from.at("hash").get<uint64_t>();
  info.rows = from.at("rows").get<int64_t>();
  info.schema_id = SchemaId(from.at("schema").get<int32_t>());
  info.log = LogId(from.at("log").get<int64_t>());
  info.begin = Offset(from.at("begin").get<int64_t>());
  info.end = Offset(from.at("end").get<int64_t>());
  info.first_commit = CommitId(from.at("first_commit").get<int64_t>());
  info.last_commit = CommitId(from.at("last_commit").get<int64_t>());
  info.first_time_ns = from.at("first_time").get<int64_t>();
  info.last_time_ns = from.at("last_time").get<int64_t>();
  info.added = from.value("added", int64_t{1});
  info.level = from.at("level").get<int>();
  ARROW_ASSIGN_OR_RAISE(info.least_key, FromHex(from.at("least_key").get<std::string>()));
  ARROW_ASSIGN_OR_RAISE(info.greatest_key, FromHex(from.at("greatest_key").get<std::string>()));
  if (from.contains("group_keys")) {
    for (const json& key : from["group_keys"]) {
      ARROW_ASSIGN_OR_RAISE(info.group_keys.emplace_back(), FromHex(key.get<std::string>()));
    }
  }
  return info;
}

Status Damaged(const std::string& what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a lake's " + what);
}

/// Parse JSON and read it with `read`, which may throw.
template <typename Read>
auto ReadJson(std::string_view text, const char* what, Read&& read)
    -> decltype(read(std::declval<const json&>())) {
  try {
    const json parsed = json::parse(text);
    if (const int format = parsed.at("format").get<int>(); format > kFormat) {
      return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                   std::string("a lake's ") + what + " has the format " + std::to_string(format) +
                       "; this program knows " + std::to_string(kFormat));
    }
    return read(parsed);
  } catch (const json::exception& error) {
    return Damaged(std::string(what) + " is damaged: " + error.what());
  }
}

}  // namespace

int64_t Snapshot::rows() const {
  int64_t sum = 0;
  for (const auto& file : files) sum += file->info.rows;
  return sum;
}

uint64_t Snapshot::bytes() const {
  uint64_t sum = 0;
  for (const auto& file : files) sum += file->info.bytes;
  return sum;
}

std::string Head::ToText() const {
  return json{{"format", kFormat}, {"id", id},       {"commit", commit.value}, {"time", time_ns},
              {"rows", rows},      {"bytes", bytes}, {"manifest", manifest},   {"hash", hash}}
      .dump();
}

Result<Head> Head::Parse(std::string_view text) {
  return ReadJson(text, "head", [](const json& from) -> Result<Head> {
    return Head{.id = from.at("id").get<int64_t>(),
                .commit = CommitId(from.at("commit").get<int64_t>()),
                .time_ns = from.at("time").get<int64_t>(),
                .rows = from.at("rows").get<int64_t>(),
                .manifest = from.at("manifest").get<std::string>(),
                .bytes = from.at("bytes").get<uint64_t>(),
                .hash = from.at("hash").get<uint64_t>()};
  });
}

std::string ManifestText(const Snapshot& snapshot) {
  json files = json::array();
  for (const auto& file : snapshot.files) files.push_back(FileToJson(file->info));
  json superseded = json::array();
  for (const auto& old : snapshot.superseded) {
    superseded.push_back({{"file", FileToJson(old.file->info)}, {"since", old.since_ns}});
  }
  json ends = json::array();
  for (const auto& [log, end] : snapshot.ends) ends.push_back({log.value, end.value});
  return json{{"format", kFormat},        {"edition", snapshot.edition.value},
              {"id", snapshot.id},        {"commit", snapshot.commit.value},
              {"time", snapshot.time_ns}, {"files", std::move(files)},
              {"ends", std::move(ends)},  {"superseded", std::move(superseded)}}
      .dump();
}

Result<Snapshot> ParseManifest(std::string_view text, store::FileSystem* files,
                               const std::string& folder) {
  const auto file_of = [&](const json& from) -> Result<LakeFilePtr> {
    ARROW_ASSIGN_OR_RAISE(auto info, FileFromJson(from));
    std::string path = folder + '/' + LakeFileName(info.number);
    return std::make_shared<const LakeFile>(files, std::move(path), std::move(info));
  };
  return ReadJson(text, "manifest", [&](const json& from) -> Result<Snapshot> {
    Snapshot snapshot;
    snapshot.edition = EditionId(from.at("edition").get<int64_t>());
    snapshot.id = from.at("id").get<int64_t>();
    snapshot.commit = CommitId(from.at("commit").get<int64_t>());
    snapshot.time_ns = from.at("time").get<int64_t>();
    for (const json& file : from.at("files")) {
      ARROW_ASSIGN_OR_RAISE(snapshot.files.emplace_back(), file_of(file));
    }
    for (const json& end : from.at("ends")) {
      snapshot.ends[LogId(end.at(0).get<int64_t>())] = Offset(end.at(1).get<int64_t>());
    }
    for (const json& old : from.at("superseded")) {
      ARROW_ASSIGN_OR_RAISE(auto file, file_of(old.at("file")));
      snapshot.superseded.push_back({std::move(file), old.at("since").get<int64_t>()});
    }
    return snapshot;
  });
}

}  // namespace firth::lakeview
