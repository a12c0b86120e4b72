#include "firth/work/object_records.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace firth::work {
namespace {

using nlohmann::json;

Status Damaged(const std::string& what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the catalog's record of " + what.substr(0, 128) + " cannot be read");
}

/// Parse, and read with `fill`, which may throw what the JSON library throws.
template <typename T, typename Fill>
Result<T> Decode(std::string_view text, const std::string& what, T value, Fill&& fill) {
  try {
    fill(json::parse(text), &value);
    return value;
  } catch (const json::exception&) {
    return Damaged(what);
  }
}

json BlobsOf(const std::vector<Blob>& blobs) {
  json list = json::array();
  for (const Blob& blob : blobs) list.push_back({blob.id, blob.bytes});
  return list;
}

void ReadBlobs(const json& list, std::vector<Blob>* out) {
  for (const json& blob : list) {
    out->push_back({blob.at(0).get<std::string>(), blob.at(1).get<uint64_t>()});
  }
}

}  // namespace

std::string ContainerName(std::string_view container) {
  return fmt::format("{}{}", kContainerPrefix, container);
}
std::string EntryName(std::string_view container, std::string_view key) {
  return fmt::format("{}{}/{}", kEntryPrefix, container, key);
}
std::string UploadName(std::string_view container, std::string_view upload) {
  return fmt::format("{}{}/{}", kUploadPrefix, container, upload);
}
std::string PartName(std::string_view container, std::string_view upload, int number) {
  return fmt::format("{}{}/{}/{:05}", kPartPrefix, container, upload, number);
}
std::string GarbageName(int64_t since_ns, std::string_view blob) {
  return fmt::format("{}{:020}/{}", kGarbagePrefix, since_ns, blob);
}
std::string ExpiryName(int64_t expires_ns, std::string_view container, std::string_view key) {
  return fmt::format("{}{:020}/{}/{}", kExpiryPrefix, expires_ns, container, key);
}

std::string EncodeContainer(const ContainerInfo& container) {
  return json{{"created_ns", container.created_ns}}.dump();
}

Result<ContainerInfo> DecodeContainer(std::string name, std::string_view text) {
  ContainerInfo info;
  info.name = std::move(name);
  return Decode(text, "container '" + info.name + "'", info,
                [](const json& record, ContainerInfo* out) {
                  record.at("created_ns").get_to(out->created_ns);
                });
}

std::string EncodeObject(const ObjectInfo& object) {
  json record{{"tag", object.tag},
              {"bytes", object.bytes},
              {"modified_ns", object.modified_ns},
              {"metadata", object.metadata},
              {"blobs", BlobsOf(object.blobs)}};
  if (object.expires_ns.has_value()) record["expires_ns"] = *object.expires_ns;
  return record.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ObjectInfo> DecodeObject(std::string container, std::string key, std::string_view text) {
  ObjectInfo info;
  info.container = std::move(container);
  info.key = std::move(key);
  return Decode(text, "object '" + info.key + "'", info, [](const json& record, ObjectInfo* out) {
    record.at("tag").get_to(out->tag);
    record.at("bytes").get_to(out->bytes);
    record.at("modified_ns").get_to(out->modified_ns);
    record.at("metadata").get_to(out->metadata);
    ReadBlobs(record.at("blobs"), &out->blobs);
    if (record.contains("expires_ns")) out->expires_ns = record["expires_ns"].get<int64_t>();
  });
}

std::string EncodeUpload(const UploadInfo& upload) {
  json record{{"key", upload.object.key},
              {"metadata", upload.object.metadata},
              {"started_ns", upload.started_ns}};
  if (upload.object.expires_ns.has_value()) record["expires_ns"] = *upload.object.expires_ns;
  return record.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<UploadInfo> DecodeUpload(std::string container, std::string id, std::string_view text) {
  UploadInfo info;
  info.id = std::move(id);
  info.object.container = std::move(container);
  return Decode(text, "upload '" + info.id + "'", info, [](const json& record, UploadInfo* out) {
    record.at("key").get_to(out->object.key);
    record.at("metadata").get_to(out->object.metadata);
    record.at("started_ns").get_to(out->started_ns);
    if (record.contains("expires_ns")) out->object.expires_ns = record["expires_ns"].get<int64_t>();
  });
}

std::string EncodePart(const PartInfo& part) {
  json record{{"tag", part.tag}, {"metadata", part.metadata}, {"bytes", part.bytes()}};
  if (part.blobs.size() > 1) {
    record["blobs"] = BlobsOf(part.blobs);
  } else {
    record["blob"] = part.blobs.empty() ? std::string() : part.blobs.front().id;
  }
  return record.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<PartInfo> DecodePart(int number, std::string_view text) {
  PartInfo info;
  info.number = number;
  return Decode(text, "part " + std::to_string(number) + " of an upload", info,
                [](const json& record, PartInfo* out) {
                  record.at("tag").get_to(out->tag);
                  record.at("metadata").get_to(out->metadata);
                  if (record.contains("blobs")) {
                    ReadBlobs(record["blobs"], &out->blobs);
                    return;
                  }
                  const Blob blob{record.at("blob").get<std::string>(),
                                  record.at("bytes").get<uint64_t>()};
                  if (!blob.id.empty()) out->blobs.push_back(blob);
                });
}

std::string EndOf(std::string prefix) {
  // Names are UTF-8, in which no byte is 0xff.
  return prefix + '\xff';
}

}  // namespace firth::work
