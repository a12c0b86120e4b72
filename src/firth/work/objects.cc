#include "firth/work/objects.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/work/object_records.h"

namespace firth::work {
namespace {

using catalog::ValueChange;

constexpr int kAttemptsMax = 20;
constexpr int64_t kScanStep = 1000;
constexpr int64_t kGarbageAgeNs = int64_t{3600} * 1'000'000'000;
constexpr char kRunSequence[] = "objects.run";

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

Status BadName(std::string message) {
  return Error(Code::kInvalidArgument, Reason::kInvalidName, std::move(message));
}

Status CheckContainerName(const std::string& name) {
  if (name.empty() || name.size() > kContainerNameBytesMax || !IsUtf8(name) ||
      std::any_of(name.begin(), name.end(), [](char c) { return c == '/' || IsControl(c); })) {
    return BadName("a container's name has 1 to 255 bytes of UTF-8 without '/'");
  }
  return Status::OK();
}

Status NoContainer(const std::string& name) {
  return Error(Code::kNotFound, Reason::kNamespaceNotFound,
               "there is no container '" + name.substr(0, 64) + "'");
}

Status NoObject(const std::string& key) {
  return Error(Code::kNotFound, Reason::kObjectNotFound,
               "there is no object '" + key.substr(0, 64) + "'");
}

Status Unmet(const std::string& key, const char* what) {
  return Error(Code::kAborted, Reason::kConflict,
               fmt::format("the object '{}' {}", key.substr(0, 64), what));
}

}  // namespace

Result<std::unique_ptr<Objects>> Objects::Open(const ObjectsOptions& options) {
  std::unique_ptr<Objects> objects(new Objects(options));
  ARROW_ASSIGN_OR_RAISE(const int64_t run, options.catalog->TakeIds(kRunSequence, 1));
  objects->run_ = fmt::format("{:012}", run);
  return objects;
}

Objects::Objects(const ObjectsOptions& options)
    : options_(options),
      blobs_(store::MakeFolderObjectStore(options.files, options.folder, options.clock)) {}

std::string Objects::NewBlobId() {
  return fmt::format("{}-{:012}", run_, next_blob_++);
}

Status Objects::CheckNames(const std::string& container, const std::string& key) {
  ARROW_RETURN_NOT_OK(CheckContainerName(container));
  if (key.empty() || key.size() > kObjectKeyBytesMax) {
    return BadName("an object's key has 1 to 1024 bytes, not " + std::to_string(key.size()));
  }
  if (!IsUtf8(key) || key.find('\0') != std::string::npos) {
    return BadName("an object's key is UTF-8 without zero bytes");
  }
  return Status::OK();
}

Result<ValueChange> Objects::Holding(const std::string& container) {
  ARROW_RETURN_NOT_OK(CheckContainerName(container));
  const std::string name = ContainerName(container);
  ARROW_ASSIGN_OR_RAISE(auto held, options_.catalog->GetValue(name));
  if (!held.has_value()) return NoContainer(container);
  return ValueChange{.name = name, .value = held, .compare = true, .expected = held};
}

void Objects::AddGarbage(const std::vector<Blob>& blobs, std::vector<ValueChange>* changes) {
  const int64_t now_ns = options_.clock->NowNs();
  for (const Blob& blob : blobs)
    changes->push_back({.name = GarbageName(now_ns, blob.id), .value = ""});
}

Status Objects::Retry(const std::function<Status()>& attempt) {
  Status status;
  for (int i = 0; i < kAttemptsMax; ++i) {
    status = attempt();
    if (CodeOf(status) != Code::kAborted || ReasonOf(status) != Reason::kConflict) break;
  }
  return status;
}

// -- containers

Status Objects::CreateContainer(const std::string& name) {
  ARROW_RETURN_NOT_OK(CheckContainerName(name));
  const ContainerInfo info{.name = name, .created_ns = options_.clock->NowNs()};
  const Status made = options_.catalog->ChangeValues(
      {{.name = ContainerName(name), .value = EncodeContainer(info), .compare = true}});
  if (ReasonOf(made) != Reason::kConflict) return made;
  return Error(Code::kAlreadyExists, Reason::kNamespaceExists,
               "the container '" + name.substr(0, 64) + "' exists already");
}

Status Objects::RemoveContainer(const std::string& name) {
  ARROW_ASSIGN_OR_RAISE(const ValueChange holding, Holding(name));
  const auto see_empty = [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto first, List(name, "", "", 1));
    if (first.empty()) return Status::OK();
    return Error(Code::kFailedPrecondition, Reason::kNamespaceNotEmpty,
                 "the container '" + name.substr(0, 64) + "' holds objects");
  };
  ARROW_RETURN_NOT_OK(see_empty());
  // Every put needs the container's record as it was; with another one none can come in between.
  const std::string closing = *holding.expected + " ";
  ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(
      {{.name = holding.name, .value = closing, .compare = true, .expected = holding.expected}}));
  if (const Status empty = see_empty(); !empty.ok()) {
    ARROW_RETURN_NOT_OK(
        options_.catalog->ChangeValues({{.name = holding.name, .value = holding.expected}}));
    return empty;
  }
  ARROW_ASSIGN_OR_RAISE(const auto uploads, ListUploads(name, SIZE_MAX));
  for (const UploadInfo& upload : uploads) ARROW_RETURN_NOT_OK(AbortUpload(upload));
  return options_.catalog->ChangeValues(
      {{.name = holding.name, .compare = true, .expected = closing}});
}

Result<ContainerInfo> Objects::GetContainer(const std::string& name) {
  ARROW_ASSIGN_OR_RAISE(const ValueChange holding, Holding(name));
  return DecodeContainer(name, *holding.value);
}

Result<std::vector<ContainerInfo>> Objects::ListContainers() {
  std::vector<ContainerInfo> containers;
  ARROW_ASSIGN_OR_RAISE(const auto values, options_.catalog->ListValues(kContainerPrefix));
  for (const auto& [name, value] : values) {
    ARROW_ASSIGN_OR_RAISE(containers.emplace_back(),
                          DecodeContainer(name.substr(sizeof kContainerPrefix - 1), value));
  }
  return containers;
}

// -- reads

Result<ObjectInfo> Objects::Get(const std::string& container, const std::string& key) {
  ARROW_RETURN_NOT_OK(CheckNames(container, key));
  ARROW_ASSIGN_OR_RAISE(const auto value, options_.catalog->GetValue(EntryName(container, key)));
  if (value.has_value()) return DecodeObject(container, key, *value);
  ARROW_RETURN_NOT_OK(Holding(container).status());
  return NoObject(key);
}

Result<std::vector<ObjectInfo>> Objects::List(const std::string& container,
                                              const std::string& prefix, const std::string& from,
                                              size_t limit) {
  ARROW_RETURN_NOT_OK(Holding(container).status());
  const std::string start = EntryName(container, "");
  std::vector<ObjectInfo> objects;
  ARROW_ASSIGN_OR_RAISE(
      const auto values,
      options_.catalog->ScanValues(start + std::max(prefix, from), EndOf(start + prefix),
                                   static_cast<int64_t>(std::min<size_t>(limit, INT64_MAX))));
  for (const auto& [name, value] : values) {
    ARROW_ASSIGN_OR_RAISE(objects.emplace_back(),
                          DecodeObject(container, name.substr(start.size()), value));
  }
  return objects;
}

Result<std::shared_ptr<arrow::Buffer>> Objects::Read(const ObjectInfo& object, uint64_t position,
                                                     uint64_t bytes) {
  if (position > object.bytes || bytes > object.bytes - position) {
    return Error(
        Code::kOutOfRange, Reason::kNone,
        fmt::format("the range from {} of {} bytes does not lie within the {} bytes of '{}'",
                    position, bytes, object.bytes, object.key.substr(0, 64)));
  }
  std::vector<std::shared_ptr<arrow::Buffer>> runs;
  for (const Blob& blob : object.blobs) {
    if (bytes == 0) break;
    if (position >= blob.bytes) {
      position -= blob.bytes;
      continue;
    }
    const uint64_t wanted = std::min(bytes, blob.bytes - position);
    ARROW_ASSIGN_OR_RAISE(auto run, blobs_->Get(blob.id, position, wanted));
    runs.push_back(std::move(run));
    position = 0;
    bytes -= wanted;
  }
  if (runs.size() == 1) return runs.front();
  return arrow::ConcatenateBuffers(runs);
}

// -- writes

Status Objects::Append(StagedObject* staged, Bytes bytes) {
  if (bytes.empty()) return Status::OK();
  const std::string id = NewBlobId();
  ARROW_RETURN_NOT_OK(blobs_->Put(id, bytes, /*if_absent=*/true));
  staged->blobs.push_back({id, bytes.size()});
  staged->bytes += bytes.size();
  return Status::OK();
}

void Objects::Discard(const StagedObject& staged) {
  for (const Blob& blob : staged.blobs) {
    // What cannot be removed now goes after the next start.
    if (const Status removed = blobs_->Remove(blob.id); !removed.ok()) {
      logging::Warning("work", "blob {} stays until the next start: {}", blob.id,
                       MessageOf(removed));
    }
  }
}

void Objects::DiscardRefused(const StagedObject& staged, const Status& why) {
  const Code code = CodeOf(why);
  if (code == Code::kAborted || code == Code::kNotFound || code == Code::kFailedPrecondition ||
      code == Code::kInvalidArgument || code == Code::kAlreadyExists) {
    Discard(staged);
  }
}

Result<ObjectInfo> Objects::Put(const NewObject& object, Bytes bytes,
                                const PutCondition& condition) {
  ARROW_RETURN_NOT_OK(CheckNames(object.container, object.key));
  ARROW_RETURN_NOT_OK(Holding(object.container).status());  // before anything is stored
  StagedObject staged{.object = object};
  ARROW_RETURN_NOT_OK(Append(&staged, bytes));
  auto published = Publish({staged}, {}, condition);
  if (published.ok()) return std::move(published->front());
  DiscardRefused(staged, published.status());
  return published.status();
}

/// The changes that show one object, as things stand.
Result<ObjectInfo> Objects::PublishOnce(const StagedObject& staged, const PutCondition& condition,
                                        std::vector<ValueChange>* changes) {
  const NewObject& object = staged.object;
  const std::string name = EntryName(object.container, object.key);
  ARROW_ASSIGN_OR_RAISE(const auto held, options_.catalog->GetValue(name));
  if (condition.if_absent && held.has_value()) return Unmet(object.key, "exists already");
  if (condition.if_tag.has_value() && !held.has_value()) return NoObject(object.key);
  if (held.has_value()) {
    ARROW_ASSIGN_OR_RAISE(const ObjectInfo old, DecodeObject(object.container, object.key, *held));
    if (condition.if_tag.has_value() && *condition.if_tag != old.tag) {
      return Unmet(object.key, "is another one");
    }
    AddGarbage(old.blobs, changes);
    if (old.expires_ns.has_value()) {
      changes->push_back({.name = ExpiryName(*old.expires_ns, object.container, object.key)});
    }
  }
  ObjectInfo info{.container = object.container,
                  .key = object.key,
                  .tag = object.tag,
                  .metadata = object.metadata,
                  .expires_ns = object.expires_ns,
                  .bytes = staged.bytes,
                  .modified_ns = options_.clock->NowNs(),
                  .blobs = staged.blobs};
  changes->push_back(
      {.name = name, .value = EncodeObject(info), .compare = true, .expected = held});
  if (info.expires_ns.has_value()) {
    changes->push_back(
        {.name = ExpiryName(*info.expires_ns, info.container, info.key), .value = ""});
  }
  return info;
}

Result<std::vector<ObjectInfo>> Objects::Publish(const std::vector<StagedObject>& staged,
                                                 const std::vector<ValueChange>& extra,
                                                 const PutCondition& condition) {
  std::vector<ObjectInfo> infos;
  bool unmet = false;  // by our condition, not by another's change in between
  const Status done = Retry([&]() -> Status {
    infos.clear();
    std::vector<ValueChange> changes = extra;
    for (const StagedObject& one : staged) {
      ARROW_RETURN_NOT_OK(CheckNames(one.object.container, one.object.key));
      ARROW_ASSIGN_OR_RAISE(changes.emplace_back(), Holding(one.object.container));
      auto info = PublishOnce(one, condition, &changes);
      if (ReasonOf(info.status()) == Reason::kConflict) {
        unmet = true;
        return Error(Code::kFailedPrecondition, Reason::kConflict, MessageOf(info.status()));
      }
      ARROW_RETURN_NOT_OK(info.status());
      infos.push_back(std::move(*info));
    }
    return options_.catalog->ChangeValues(changes);
  });
  if (unmet) return Error(Code::kAborted, Reason::kConflict, MessageOf(done));
  ARROW_RETURN_NOT_OK(done);
  return infos;
}

Status Objects::Remove(const std::string& container, const std::string& key) {
  return Retry([&]() -> Status {
    auto object = Get(container, key);
    if (ReasonOf(object.status()) == Reason::kObjectNotFound) return Status::OK();
    ARROW_RETURN_NOT_OK(object.status());
    std::vector<ValueChange> changes{
        {.name = EntryName(container, key), .compare = true, .expected = EncodeObject(*object)}};
    AddGarbage(object->blobs, &changes);
    if (object->expires_ns.has_value()) {
      changes.push_back({.name = ExpiryName(*object->expires_ns, container, key)});
    }
    return options_.catalog->ChangeValues(changes);
  });
}

Status Objects::RemoveAll(const std::string& container, const std::string& prefix) {
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto found, List(container, prefix, "", kScanStep));
    for (const ObjectInfo& object : found) ARROW_RETURN_NOT_OK(Remove(container, object.key));
    if (found.size() < kScanStep) return Status::OK();
  }
}

// -- what nobody names any more

Status Objects::RemoveExpired(int64_t now_ns) {
  while (true) {
    ARROW_ASSIGN_OR_RAISE(
        const auto due,
        options_.catalog->ScanValues(kExpiryPrefix, ExpiryName(now_ns, "", ""), kScanStep));
    for (const auto& [name, value] : due) {
      // object/expiry/TIME/CONTAINER/KEY
      const std::string rest = name.substr(sizeof kExpiryPrefix - 1 + 21);
      const size_t slash = rest.find('/');
      if (slash != std::string::npos) {
        ARROW_RETURN_NOT_OK(Remove(rest.substr(0, slash), rest.substr(slash + 1)));
      }
      ARROW_RETURN_NOT_OK(options_.catalog->RemoveValue(name));
    }
    if (due.size() < kScanStep) return Status::OK();
  }
}

Status Objects::RemoveGarbage() {
  const int64_t now_ns = options_.clock->NowNs();
  ARROW_RETURN_NOT_OK(RemoveExpired(now_ns));
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto old,
                          options_.catalog->ScanValues(
                              kGarbagePrefix, GarbageName(now_ns - kGarbageAgeNs, ""), kScanStep));
    std::vector<ValueChange> changes;
    for (const auto& [name, value] : old) {
      ARROW_RETURN_NOT_OK(blobs_->Remove(name.substr(name.rfind('/') + 1)));
      changes.push_back({.name = name});
    }
    if (!changes.empty()) ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(changes));
    if (old.size() < kScanStep) return Status::OK();
  }
}

Status Objects::RemoveOrphans() {
  ARROW_RETURN_NOT_OK(blobs_->Sweep());
  // Blobs of earlier runs get no new names but by uploads that end, whose parts name them
  // meanwhile; so a blob that is listed first and found unnamed after stays so.
  std::set<std::string> unnamed;
  ARROW_ASSIGN_OR_RAISE(const auto blobs, blobs_->List("", "", SIZE_MAX));
  for (const auto& blob : blobs) {
    if (blob.key < run_) unnamed.insert(blob.key);
  }
  // Parts first: an upload that ends between the two reads moves its blobs to an entry.
  for (const char* prefix : {kGarbagePrefix, kPartPrefix, kEntryPrefix}) {
    std::string from = prefix;
    const std::string kind = prefix;
    while (!unnamed.empty()) {
      ARROW_ASSIGN_OR_RAISE(const auto values,
                            options_.catalog->ScanValues(from, EndOf(prefix), kScanStep));
      for (const auto& [name, value] : values) {
        if (kind == kGarbagePrefix) {
          unnamed.erase(name.substr(name.rfind('/') + 1));
        } else if (kind == kPartPrefix) {
          ARROW_ASSIGN_OR_RAISE(const PartInfo part, DecodePart(0, value));
          for (const Blob& blob : part.blobs) unnamed.erase(blob.id);
        } else {
          ARROW_ASSIGN_OR_RAISE(const ObjectInfo object, DecodeObject("", name, value));
          for (const Blob& blob : object.blobs) unnamed.erase(blob.id);
        }
      }
      if (values.size() < kScanStep) break;
      from = values.back().first + '\0';
    }
  }
  for (const std::string& id : unnamed) ARROW_RETURN_NOT_OK(blobs_->Remove(id));
  return Status::OK();
}

}  // namespace firth::work
