// How objects are kept as values of the catalog; docs/formats/objects.md has the table.
#pragma once

#include <string>
#include <string_view>

#include "firth/common/status.h"
#include "firth/work/objects.h"

namespace firth::work {

std::string ContainerName(std::string_view container);
std::string EntryName(std::string_view container, std::string_view key);
std::string UploadName(std::string_view container, std::string_view upload);
std::string PartName(std::string_view container, std::string_view upload, int number);
std::string GarbageName(int64_t since_ns, std::string_view blob);
std::string ExpiryName(int64_t expires_ns, std::string_view container, std::string_view key);

inline constexpr char kContainerPrefix[] = "object/container/";
inline constexpr char kEntryPrefix[] = "object/entry/";
inline constexpr char kUploadPrefix[] = "object/upload/";
inline constexpr char kPartPrefix[] = "object/part/";
inline constexpr char kGarbagePrefix[] = "object/garbage/";
inline constexpr char kExpiryPrefix[] = "object/expiry/";

/// Records are read back with their names; what cannot be read is kDataLoss / kChecksumMismatch.
std::string EncodeContainer(const ContainerInfo& container);
Result<ContainerInfo> DecodeContainer(std::string name, std::string_view text);
std::string EncodeObject(const ObjectInfo& object);
Result<ObjectInfo> DecodeObject(std::string container, std::string key, std::string_view text);
std::string EncodeUpload(const UploadInfo& upload);
Result<UploadInfo> DecodeUpload(std::string container, std::string id, std::string_view text);
std::string EncodePart(const PartInfo& part);
Result<PartInfo> DecodePart(int number, std::string_view text);

/// The least name above every name that begins with `prefix`.
std::string EndOf(std::string prefix);

}  // namespace firth::work
