// Uploads in parts.
#include <fmt/format.h>

#include <utility>

#include "firth/common/text.h"
#include "firth/work/object_records.h"
#include "firth/work/objects.h"

namespace firth::work {
namespace {

using catalog::ValueChange;

Status NoUpload(const std::string& id) {
  return Error(Code::kNotFound, Reason::kTransactionNotFound,
               "there is no upload '" + id.substr(0, 64) + "'");
}

Status CheckPartNumber(int number) {
  if (number >= 1 && number <= kUploadPartsMax) return Status::OK();
  return Error(Code::kInvalidArgument, Reason::kBadValue,
               fmt::format("a part's number is 1 to {}, not {}", kUploadPartsMax, number));
}

}  // namespace

Result<UploadInfo> Objects::BeginUpload(const NewObject& object) {
  ARROW_RETURN_NOT_OK(CheckNames(object.container, object.key));
  ARROW_ASSIGN_OR_RAISE(const ValueChange holding, Holding(object.container));
  const UploadInfo upload{.id = ToHex(options_.random->Uuid()),
                          .object = object,
                          .started_ns = options_.clock->NowNs()};
  ARROW_RETURN_NOT_OK(
      options_.catalog->ChangeValues({holding,
                                      {.name = UploadName(object.container, upload.id),
                                       .value = EncodeUpload(upload),
                                       .compare = true}}));
  return upload;
}

Result<UploadInfo> Objects::GetUpload(const std::string& container, const std::string& key,
                                      const std::string& id) {
  ARROW_RETURN_NOT_OK(CheckNames(container, key));
  ARROW_RETURN_NOT_OK(Holding(container).status());
  if (!FromHex(id).ok()) return NoUpload(id);
  ARROW_ASSIGN_OR_RAISE(const auto value, options_.catalog->GetValue(UploadName(container, id)));
  if (!value.has_value()) return NoUpload(id);
  ARROW_ASSIGN_OR_RAISE(UploadInfo upload, DecodeUpload(container, id, *value));
  if (upload.object.key != key) return NoUpload(id);
  return upload;
}

Result<PartInfo> Objects::PutPart(const UploadInfo& upload, PartInfo part, Bytes bytes) {
  ARROW_RETURN_NOT_OK(CheckPartNumber(part.number));
  StagedObject staged;
  ARROW_RETURN_NOT_OK(Append(&staged, bytes));
  return PutPart(upload, std::move(part), staged);
}

Result<PartInfo> Objects::PutPart(const UploadInfo& upload, PartInfo part,
                                  const StagedObject& staged) {
  ARROW_RETURN_NOT_OK(CheckPartNumber(part.number));
  part.blobs = staged.blobs;
  const std::string& container = upload.object.container;
  const std::string name = PartName(container, upload.id, part.number);
  const std::string holder = UploadName(container, upload.id);
  ARROW_RETURN_NOT_OK(Retry([&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto holding, options_.catalog->GetValue(holder));
    if (!holding.has_value()) return NoUpload(upload.id);
    ARROW_ASSIGN_OR_RAISE(const auto held, options_.catalog->GetValue(name));
    std::vector<ValueChange> changes{
        {.name = holder, .value = holding, .compare = true, .expected = holding},
        {.name = name, .value = EncodePart(part), .compare = true, .expected = held}};
    if (held.has_value()) {
      ARROW_ASSIGN_OR_RAISE(const PartInfo old, DecodePart(part.number, *held));
      AddGarbage(old.blobs, &changes);
    }
    return options_.catalog->ChangeValues(changes);
  }));
  return part;
}

Result<std::vector<PartInfo>> Objects::ListParts(const UploadInfo& upload) {
  std::vector<PartInfo> parts;
  const std::string& container = upload.object.container;
  ARROW_ASSIGN_OR_RAISE(
      const auto values,
      options_.catalog->ScanValues(PartName(container, upload.id, 0),
                                   PartName(container, upload.id, 99'999), kUploadPartsMax));
  for (const auto& [name, value] : values) {
    ARROW_ASSIGN_OR_RAISE(const int64_t number, ParseInt64(name.substr(name.rfind('/') + 1)));
    ARROW_ASSIGN_OR_RAISE(parts.emplace_back(), DecodePart(static_cast<int>(number), value));
  }
  return parts;
}

Result<std::vector<UploadInfo>> Objects::ListUploads(const std::string& container, size_t limit) {
  std::vector<UploadInfo> uploads;
  const std::string prefix = UploadName(container, "");
  ARROW_ASSIGN_OR_RAISE(
      const auto values,
      options_.catalog->ScanValues(prefix, EndOf(prefix),
                                   static_cast<int64_t>(std::min<size_t>(limit, INT64_MAX))));
  for (const auto& [name, value] : values) {
    ARROW_ASSIGN_OR_RAISE(uploads.emplace_back(),
                          DecodeUpload(container, name.substr(prefix.size()), value));
  }
  return uploads;
}

/// What ends an upload: its record and all its parts go, the chosen ones being what was seen.
Result<std::vector<ValueChange>> Objects::ExpectParts(const UploadInfo& upload,
                                                      const std::vector<PartInfo>& parts) {
  const std::string& container = upload.object.container;
  const std::string holder = UploadName(container, upload.id);
  ARROW_ASSIGN_OR_RAISE(const auto held, options_.catalog->GetValue(holder));
  if (!held.has_value()) return NoUpload(upload.id);
  std::vector<ValueChange> changes{{.name = holder, .compare = true, .expected = held}};
  ARROW_ASSIGN_OR_RAISE(const auto all, ListParts(upload));
  std::map<int, std::vector<Blob>> taken;
  for (const PartInfo& part : parts) taken[part.number] = part.blobs;
  for (const PartInfo& part : all) {
    changes.push_back({.name = PartName(container, upload.id, part.number),
                       .compare = true,
                       .expected = EncodePart(part)});
    const auto found = taken.find(part.number);
    const bool is_taken = found != taken.end() && found->second == part.blobs;
    if (is_taken) taken.erase(found);
    if (!is_taken) AddGarbage(part.blobs, &changes);
  }
  if (!taken.empty()) {
    return Error(Code::kAborted, Reason::kConflict,
                 fmt::format("part {} was sent again meanwhile", taken.begin()->first));
  }
  return changes;
}

Result<ObjectInfo> Objects::EndUpload(const UploadInfo& upload, const std::vector<PartInfo>& parts,
                                      const std::string& tag,
                                      const std::map<std::string, std::string>& metadata,
                                      const PutCondition& condition) {
  StagedObject staged{.object = upload.object};
  staged.object.tag = tag;
  staged.object.metadata = metadata;
  for (const PartInfo& part : parts) {
    staged.blobs.insert(staged.blobs.end(), part.blobs.begin(), part.blobs.end());
    staged.bytes += part.bytes();
  }
  ARROW_ASSIGN_OR_RAISE(const auto changes, ExpectParts(upload, parts));
  ARROW_ASSIGN_OR_RAISE(auto published, Publish({staged}, changes, condition));
  return std::move(published.front());
}

Status Objects::AbortUpload(const UploadInfo& upload) {
  return Retry([&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto changes, ExpectParts(upload, {}));
    return options_.catalog->ChangeValues(changes);
  });
}

}  // namespace firth::work
