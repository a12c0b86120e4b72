#include "firth/lakeview/iceberg.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "firth/common/checksum.h"
#include "firth/common/text.h"
#include "firth/lakeview/iceberg_parts.h"
#include "firth/lakeview/masks.h"
#include "firth/lakeview/stored_types.h"
#include "firth/schema/schema.h"

namespace firth::lakeview {
namespace {

using nlohmann::json;

constexpr uint64_t kMetadataBytesMax = uint64_t{64} << 20;
constexpr char kHintFile[] = "version-hint.text";
constexpr char kMain[] = "main";

std::string FolderOf(const std::string& folder, Reading reading) {
  return folder + (reading == Reading::kHistory ? "/history/metadata" : "/current/metadata");
}

/// 16 bytes that other contents will hardly have.
std::string SyncOf(std::string_view name) {
  const auto bytes = std::as_bytes(std::span(name));
  return *FromHex(Hex16(static_cast<int64_t>(Hash64(bytes))) +
                  Hex16(static_cast<int64_t>(Hash64(bytes, 1))));
}

/// A table of its own for each reading of each edition, the same at each writing.
std::string UuidOf(const std::string& folder) {
  std::string bytes = SyncOf("table " + folder);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);  // version 8: by a rule of our own
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  return UuidToText(bytes);
}

class Publisher {
 public:
  Publisher(const IcebergPlace& place, const catalog::EditionInfo& edition,
            const Snapshot& snapshot, Reading reading)
      : place_(place),
        edition_(edition),
        snapshot_(snapshot),
        reading_(reading),
        folder_(FolderOf(place.folder, reading)) {}

  Status Run() {
    const std::string path = IcebergMetadataPath(place_.folder, reading_, snapshot_.id);
    ARROW_RETURN_NOT_OK(CheckTimes());
    ARROW_ASSIGN_OR_RAISE(const json schemas, Schemas());
    ARROW_RETURN_NOT_OK(store::MakeFolderDurably(place_.files, folder_));
    ARROW_RETURN_NOT_OK(ReadEarlier());
    ARROW_ASSIGN_OR_RAISE(const std::string list, WriteManifests(schemas.back()));
    const json metadata = Metadata(schemas, list);
    ARROW_RETURN_NOT_OK(Write(path, metadata.dump()));
    ARROW_RETURN_NOT_OK(Write(folder_ + '/' + kHintFile, std::to_string(snapshot_.id)));
    return RemoveOthers();
  }

 private:
  std::string Local(const std::string& path) const { return place_.root + '/' + path; }

  Status Write(const std::string& path, const std::string& text) {
    named_.insert(path);
    return store::WriteFileAtomically(place_.files, path, std::as_bytes(std::span(text)));
  }

  /// Iceberg's timestamps are of microseconds.
  Status CheckTimes() const {
    for (const auto& file : snapshot_.files) {
      for (const auto& field : edition_.newest().schema->fields()) {
        if (!file->info.far_times.contains(schema::FieldId(*field))) continue;
        return Error(Code::kUnimplemented, Reason::kNone,
                     "the column '" + field->name().substr(0, 64) + "' has timestamps in " +
                         file->path + " that microseconds do not hold, and Iceberg has no others");
      }
    }
    return Status::OK();
  }

  /// Those of all files, the newest last.
  Result<json> Schemas() {
    json schemas = json::array();
    for (const auto& schema : edition_.schemas) {
      ARROW_ASSIGN_OR_RAISE(auto stored, StoredSchema(*schema.schema));
      if (reading_ == Reading::kCurrent) {
        auto fields = stored->fields();
        fields.resize(fields.size() - kHiddenColumns);
        stored = arrow::schema(std::move(fields));
      }
      ARROW_ASSIGN_OR_RAISE(json made, IcebergSchema(*stored, schema.id.value, &last_column_id_));
      schemas.push_back(std::move(made));
    }
    return schemas;
  }

  /// Take over the snapshots of the metadata before this, as far as they are still to be listed.
  /// What cannot be read is begun anew.
  Status ReadEarlier() {
    try {
      return TakeEarlier();
    } catch (const json::exception&) {
      earlier_ = json::array();
      masks_before_ = json::array();
      parent_ = 0;
      return Status::OK();
    }
  }

  Status TakeEarlier() {
    const auto hint = store::ReadFile(place_.files, folder_ + '/' + kHintFile, kMetadataBytesMax);
    if (!hint.ok()) return Status::OK();
    const auto version = ParseInt64((*hint)->ToString());
    if (!version.ok() || *version >= snapshot_.id) return Status::OK();
    const auto text = store::ReadFile(
        place_.files, IcebergMetadataPath(place_.folder, reading_, *version), kMetadataBytesMax);
    if (!text.ok()) return Status::OK();
    const json metadata = json::parse((*text)->ToString(), nullptr, /*allow_exceptions=*/false);
    if (!metadata.is_object() || !metadata.contains("snapshots") ||
        metadata.value("location", "") != Local(place_.folder)) {
      return Status::OK();
    }
    const json& snapshots = metadata["snapshots"];
    for (size_t i = 0; i < snapshots.size(); ++i) {
      const json& one = snapshots[i];
      if (!one.is_object() || !one.contains("firth-files")) return Status::OK();
      parent_ = one.value("snapshot-id", int64_t{0});
      masks_before_ = one.value("firth-masks", json::array());
      // It was the newest until the next one was made.
      const int64_t until_ms = i + 1 < snapshots.size()
                                   ? snapshots[i + 1].value("timestamp-ms", int64_t{0})
                                   : snapshot_.time_ns / 1'000'000;
      if (until_ms < (place_.now_ns - place_.keep_ns) / 1'000'000) continue;
      earlier_.push_back(one);
      for (const json& file : one["firth-files"]) {
        if (file.is_string()) named_.insert(folder_ + '/' + file.get<std::string>());
      }
    }
    return Status::OK();
  }

  IcebergFile Entry(std::string path, int64_t rows, uint64_t bytes, int64_t added, bool deletes) {
    const bool is_new = deletes || added > parent_;
    return {.path = Local(path),
            .rows = rows,
            .bytes = bytes,
            .deletes = deletes,
            .added = is_new,
            .snapshot = is_new ? snapshot_.id : added};
  }

  /// The path of the list.
  Result<std::string> WriteManifests(const json& schema) {
    std::vector<IcebergFile> data;
    for (const auto& file : snapshot_.files) {
      data.push_back(Entry(file->path, file->info.rows, file->info.bytes, file->info.added, false));
      rows_ += file->info.rows;
    }
    std::vector<IcebergFile> masks;
    if (reading_ == Reading::kCurrent && !edition_.spec.key.empty()) {
      ARROW_ASSIGN_OR_RAISE(masks, WriteMasks());
    }
    std::vector<IcebergManifest> manifests;
    const std::string id = Hex16(snapshot_.id);
    const auto add = [&](const std::vector<IcebergFile>& files, bool deletes) -> Status {
      if (files.empty()) return Status::OK();
      const std::string path = folder_ + '/' + id + (deletes ? "-deletes.avro" : "-data.avro");
      manifests.push_back(MakeManifest(Local(path), files, deletes, schema.dump(), SyncOf(path)));
      own_.push_back(path);
      return Write(path, manifests.back().bytes);
    };
    ARROW_RETURN_NOT_OK(add(data, false));
    ARROW_RETURN_NOT_OK(add(masks, true));
    const std::string path = folder_ + "/snap-" + id + ".avro";
    own_.push_back(path);
    ARROW_RETURN_NOT_OK(
        Write(path, MakeManifestList(snapshot_.id, parent_, manifests, SyncOf(path))));
    return path;
  }

  Result<std::vector<IcebergFile>> WriteMasks() {
    std::map<LogId, std::vector<LakeFilePtr>> by_log;
    for (const auto& file : snapshot_.files) by_log[file->info.log].push_back(file);
    std::vector<IcebergFile> masks;
    for (const auto& [log, files] : by_log) {
      ARROW_ASSIGN_OR_RAISE(const bool same, KeepMask(log, files, &masks));
      if (same) continue;
      const std::string path =
          folder_ + '/' + Hex16(snapshot_.id) + '-' + Hex16(log.value) + "-deletes.parquet";
      ARROW_RETURN_NOT_OK(place_.files->Remove(path));  // of an attempt that a crash ended
      ARROW_ASSIGN_OR_RAISE(const MaskFile mask,
                            WriteMask(place_.files, edition_, files, place_.root, path));
      masks.push_back(Entry(path, mask.rows, mask.bytes, snapshot_.id, true));
      AddMask(log, files, path, &masks);
    }
    return masks;
  }

  static bool IsMask(const json& old) {
    const auto whole = [&](const char* name) {
      return old.contains(name) && old[name].is_number_integer() && old[name] >= 0;
    };
    return old.is_object() && whole("log") && whole("rows") && whole("bytes") &&
           whole("snapshot") && old.contains("files") && old.contains("path") &&
           old["path"].is_string();
  }

  /// Take over the mask of a log that has the files which it had before.
  Result<bool> KeepMask(LogId log, const std::vector<LakeFilePtr>& files,
                        std::vector<IcebergFile>* masks) {
    for (const json& old : masks_before_) {
      if (!IsMask(old)) continue;
      if (old["log"] != log.value || old["files"] != Numbers(files)) continue;
      const std::string path = folder_ + '/' + old.value("path", "");
      const auto rows = old.value("rows", int64_t{0});
      if (rows > 0) {
        ARROW_ASSIGN_OR_RAISE(const bool exists, place_.files->Exists(path));
        if (!exists) return false;
      }
      masks->push_back({.path = Local(path),
                        .rows = rows,
                        .bytes = old.value("bytes", uint64_t{0}),
                        .deletes = true,
                        .added = false,
                        .snapshot = old.value("snapshot", int64_t{0})});
      AddMask(log, files, path, masks);
      return true;
    }
    return false;
  }

  /// Note the last of `masks`, or take it back if it has no rows.
  void AddMask(LogId log, const std::vector<LakeFilePtr>& files, const std::string& path,
               std::vector<IcebergFile>* masks) {
    const IcebergFile& mask = masks->back();
    masks_.push_back({{"log", log.value},
                      {"files", Numbers(files)},
                      {"path", path.substr(folder_.size() + 1)},
                      {"rows", mask.rows},
                      {"bytes", mask.bytes},
                      {"snapshot", mask.snapshot}});
    if (mask.rows == 0) return masks->pop_back();
    masked_ += mask.rows;
    named_.insert(path);
    own_.push_back(path);
  }

  static json Numbers(const std::vector<LakeFilePtr>& files) {
    json numbers = json::array();
    for (const auto& file : files) numbers.push_back(file->info.number);
    return numbers;
  }

  json SnapshotJson(const std::string& list) {
    json files = json::array();
    for (const auto& path : own_) files.push_back(path.substr(folder_.size() + 1));
    json made = {{"snapshot-id", snapshot_.id},
                 {"sequence-number", snapshot_.id},
                 {"timestamp-ms", snapshot_.time_ns / 1'000'000},
                 {"manifest-list", Local(list)},
                 {"schema-id", edition_.newest().id.value},
                 {"summary",
                  {{"operation", parent_ == 0 ? "append" : "overwrite"},
                   {"total-records", std::to_string(rows_)},
                   {"total-position-deletes", std::to_string(masked_)},
                   {"firth.commit", std::to_string(snapshot_.commit.value)}}},
                 {"firth-files", std::move(files)},
                 {"firth-masks", masks_}};
    if (parent_ != 0) made["parent-snapshot-id"] = parent_;
    return made;
  }

  json Metadata(const json& schemas, const std::string& list) {
    json snapshots = earlier_;
    snapshots.push_back(SnapshotJson(list));
    json log = json::array();
    for (const json& one : snapshots) {
      log.push_back({{"snapshot-id", one["snapshot-id"]}, {"timestamp-ms", one["timestamp-ms"]}});
    }
    json order = {{"order-id", 0}, {"fields", json::array()}};
    json spec = {{"spec-id", 0}, {"fields", json::array()}};
    return {{"format-version", 2},
            {"table-uuid", UuidOf(folder_)},
            {"location", Local(place_.folder)},
            {"last-sequence-number", snapshot_.id},
            {"last-updated-ms", snapshot_.time_ns / 1'000'000},
            {"last-column-id", last_column_id_},
            {"schemas", schemas},
            {"current-schema-id", edition_.newest().id.value},
            {"partition-specs", json::array({std::move(spec)})},
            {"default-spec-id", 0},
            {"last-partition-id", 999},
            {"sort-orders", json::array({std::move(order)})},
            {"default-sort-order-id", 0},
            {"properties", json::object()},
            {"current-snapshot-id", snapshot_.id},
            {"refs", {{kMain, {{"snapshot-id", snapshot_.id}, {"type", "branch"}}}}},
            {"snapshots", std::move(snapshots)},
            {"snapshot-log", std::move(log)},
            {"metadata-log", json::array()}};
  }

  Status RemoveOthers() {
    ARROW_RETURN_NOT_OK(place_.files->SyncFolder(folder_));
    // The metadata of the one before stays: somebody may just have read the hint.
    named_.insert(IcebergMetadataPath(place_.folder, reading_, parent_));
    ARROW_ASSIGN_OR_RAISE(const auto files, place_.files->List(folder_));
    for (const auto& file : files) {
      const std::string path = folder_ + '/' + file.name;
      if (!named_.contains(path)) ARROW_RETURN_NOT_OK(place_.files->Remove(path));
    }
    return Status::OK();
  }

  const IcebergPlace& place_;
  const catalog::EditionInfo& edition_;
  const Snapshot& snapshot_;
  const Reading reading_;
  const std::string folder_;
  json earlier_ = json::array();       // snapshots that are still listed
  int64_t parent_ = 0;                 // the snapshot published before; 0: none
  json masks_before_ = json::array();  // of that one: of each log, and of which files
  json masks_ = json::array();
  int32_t last_column_id_ = 0;
  int64_t rows_ = 0;
  int64_t masked_ = 0;
  std::vector<std::string> own_;  // files of this snapshot's metadata
  std::set<std::string> named_;   // files that stay
};

}  // namespace

std::string IcebergMetadataPath(const std::string& folder, Reading reading, int64_t snapshot) {
  return FolderOf(folder, reading) + "/v" + std::to_string(snapshot) + ".metadata.json";
}

Status PublishIceberg(const IcebergPlace& place, const catalog::EditionInfo& edition,
                      const Snapshot& snapshot, Reading reading) {
  return Publisher(place, edition, snapshot, reading).Run();
}

}  // namespace firth::lakeview
