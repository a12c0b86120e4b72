#include "firth/lakeview/snapshot.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include "firth/common/json_number.h"
#include "firth/common/text.h"

namespace firth::lakeview {
namespace {

using nlohmann::json;

constexpr int kHeadFormat = 1;
constexpr int kManifestFormat = 2;

json FileToJson(const LakeFileInfo& info) {
  json groups = json::array();
  for (const auto& key : info.group_keys) groups.push_back(ToHex(key));
  json made = {{"number", info.number},
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
  if (!info.far_times.empty()) made["far_times"] = info.far_times;
  return made;
}

/// Throws what nlohmann throws.
Result<LakeFileInfo> FileFromJson(const json& from) {
  LakeFileInfo info;
  info.number = WholeNumber<int64_t>(from.at("number"));
  info.bytes = WholeNumber<uint64_t>(from.at("bytes"));
  info.hash = WholeNumber<uint64_t>(from.at("hash"));
  info.rows = WholeNumber<int64_t>(from.at("rows"));
  info.schema_id = SchemaId(WholeNumber<int32_t>(from.at("schema")));
  info.log = LogId(WholeNumber<int64_t>(from.at("log")));
  info.begin = Offset(WholeNumber<int64_t>(from.at("begin")));
  info.end = Offset(WholeNumber<int64_t>(from.at("end")));
  info.first_commit = CommitId(WholeNumber<int64_t>(from.at("first_commit")));
  info.last_commit = CommitId(WholeNumber<int64_t>(from.at("last_commit")));
  info.first_time_ns = WholeNumber<int64_t>(from.at("first_time"));
  info.last_time_ns = WholeNumber<int64_t>(from.at("last_time"));
  if (from.contains("added")) info.added = WholeNumber<int64_t>(from.at("added"));
  info.level = WholeNumber<int>(from.at("level"));
  ARROW_ASSIGN_OR_RAISE(info.least_key, FromHex(from.at("least_key").get<std::string>()));
  ARROW_ASSIGN_OR_RAISE(info.greatest_key, FromHex(from.at("greatest_key").get<std::string>()));
  if (from.contains("far_times")) {
    for (const json& id : from["far_times"]) info.far_times.insert(WholeNumber<int32_t>(id));
  }
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
auto ReadJson(std::string_view text, const char* what, int newest, Read&& read)
    -> decltype(read(std::declval<const json&>())) {
  try {
    const json parsed = json::parse(text);
    if (const int format = WholeNumber<int>(parsed.at("format")); format > newest) {
      return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                   std::string("a lake's ") + what + " has the format " + std::to_string(format) +
                       "; this program knows " + std::to_string(newest));
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
  return json{{"format", kHeadFormat}, {"id", id},     {"commit", commit.value},
              {"time", time_ns},       {"rows", rows}, {"bytes", bytes},
              {"manifest", manifest},  {"hash", hash}}
      .dump();
}

Result<Head> Head::Parse(std::string_view text) {
  return ReadJson(text, "head", kHeadFormat, [](const json& from) -> Result<Head> {
    return Head{.id = WholeNumber<int64_t>(from.at("id")),
                .commit = CommitId(WholeNumber<int64_t>(from.at("commit"))),
                .time_ns = WholeNumber<int64_t>(from.at("time")),
                .rows = WholeNumber<int64_t>(from.at("rows")),
                .manifest = from.at("manifest").get<std::string>(),
                .bytes = WholeNumber<uint64_t>(from.at("bytes")),
                .hash = WholeNumber<uint64_t>(from.at("hash"))};
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
  // The second format has numbers in the place of timestamps.
  const auto is_far = [](const LakeFilePtr& file) { return !file->info.far_times.empty(); };
  const bool far = std::any_of(snapshot.files.begin(), snapshot.files.end(), is_far) ||
                   std::any_of(snapshot.superseded.begin(), snapshot.superseded.end(),
                               [&](const Superseded& old) { return is_far(old.file); });
  return json{{"format", far ? kManifestFormat : 1},
              {"edition", snapshot.edition.value},
              {"id", snapshot.id},
              {"commit", snapshot.commit.value},
              {"time", snapshot.time_ns},
              {"files", std::move(files)},
              {"ends", std::move(ends)},
              {"superseded", std::move(superseded)}}
      .dump();
}

Result<Snapshot> ParseManifest(std::string_view text, store::FileSystem* files,
                               const std::string& folder) {
  const auto file_of = [&](const json& from) -> Result<LakeFilePtr> {
    ARROW_ASSIGN_OR_RAISE(auto info, FileFromJson(from));
    std::string path = folder + '/' + LakeFileName(info.number);
    return std::make_shared<const LakeFile>(files, std::move(path), std::move(info));
  };
  return ReadJson(text, "manifest", kManifestFormat, [&](const json& from) -> Result<Snapshot> {
    Snapshot snapshot;
    snapshot.edition = EditionId(WholeNumber<int64_t>(from.at("edition")));
    snapshot.id = WholeNumber<int64_t>(from.at("id"));
    snapshot.commit = CommitId(WholeNumber<int64_t>(from.at("commit")));
    snapshot.time_ns = WholeNumber<int64_t>(from.at("time"));
    for (const json& file : from.at("files")) {
      ARROW_ASSIGN_OR_RAISE(snapshot.files.emplace_back(), file_of(file));
    }
    for (const json& end : from.at("ends")) {
      snapshot.ends[LogId(WholeNumber<int64_t>(end.at(0)))] =
          Offset(WholeNumber<int64_t>(end.at(1)));
    }
    for (const json& old : from.at("superseded")) {
      ARROW_ASSIGN_OR_RAISE(auto file, file_of(old.at("file")));
      snapshot.superseded.push_back({std::move(file), WholeNumber<int64_t>(old.at("since"))});
    }
    return snapshot;
  });
}

}  // namespace firth::lakeview
