#include "firth/timeview/base.h"

#include <set>
#include <string>
#include <utility>

#include "firth/common/logging.h"

namespace firth::timeview {
namespace {

/// Heads are written in batches of about this many bytes.
constexpr uint64_t kBatchBytes = uint64_t{1} << 20;

}  // namespace

Base::Base(const TimeViewOptions& options)
    : files_(options.files),
      folder_(options.folder),
      cache_(std::make_shared<NodeCache>(options.node_cache_bytes)),
      file_bytes_max_(options.file_bytes_max) {}

Base::~Base() {
  if (helpers_) helpers_->Close();
}

std::string Base::PathOf(FileKind kind, uint32_t number) const {
  return folder_ + "/" + FileName(kind, number);
}

Result<std::unique_ptr<Base>> Base::Open(const TimeViewOptions& options) {
  FIRTH_CHECK(options.files != nullptr && !options.folder.empty());
  ARROW_RETURN_NOT_OK(store::MakeFolderDurably(options.files, options.folder));
  std::unique_ptr<Base> base(new Base(options));
  ARROW_ASSIGN_OR_RAISE(const auto manifest, ReadManifest(options.files, options.folder));
  ARROW_RETURN_NOT_OK(base->Load(manifest.value_or(Manifest())));
  ARROW_RETURN_NOT_OK(base->RemoveStrangers());
  return base;
}

Status Base::Load(const Manifest& manifest) {
  watermark_ = manifest.watermark;
  series_ = manifest.series;
  obliterations_ = manifest.obliterations;
  next_number_ = manifest.next_number;
  NodeWriter::Position position;
  for (const Manifest::RecordFile& file : manifest.files) {
    const std::string path = PathOf(file.kind, file.number);
    const auto opened = files_->Open(path);
    uint64_t size = 0;
    if (opened.ok()) {
      ARROW_ASSIGN_OR_RAISE(size, (*opened)->Size());
    } else if (ReasonOf(opened.status()) != Reason::kFileMissing) {
      return opened.status();
    }
    if (!opened.ok() || size < file.bytes) {
      return Error(Code::kDataLoss, Reason::kFileMissing,
                   path + " has " + std::to_string(size) + " of the " + std::to_string(file.bytes) +
                       " bytes that the base names");
    }
    FileState& state = file_states_[file.number];
    state.file = std::make_shared<NodeFile>(files_, path, file.kind, file.number);
    state.bytes = file.bytes;
    state.replaced_bytes = file.replaced_bytes;
    state.gone_bytes = file.gone_bytes;
    state.searched = file.searched;
    if (file.number == manifest.open_file) position = {state.file, file.bytes};
  }
  for (const Manifest::Moved& moved : manifest.moved) {
    if (file_states_.count(moved.packed) == 0) {
      return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                   folder_ + "/" + kManifestName + ": a packed file that it does not name");
    }
    moved_[moved.number] = moved.packed;
  }
  std::vector<DirectoryRunPtr> runs;
  for (const Manifest::Run& run : manifest.runs) {
    auto opened = DirectoryRun::Open(files_, PathOf(FileKind::kDirectory, run.number), run.number,
                                     run.entries);
    if (!opened.ok()) {
      // Absent is damaged here: the base names it.
      return Error(ReasonOf(opened.status()) == Reason::kFileMissing ? Code::kDataLoss
                                                                     : CodeOf(opened.status()),
                   ReasonOf(opened.status()), MessageOf(opened.status()));
    }
    runs.push_back(*std::move(opened));
  }
  directory_ = std::make_unique<Directory>(files_, folder_, std::move(runs));
  writer_ = std::make_unique<NodeWriter>(files_, folder_, file_bytes_max_, &next_number_,
                                         std::move(position));
  head_writer_ = std::make_unique<HeadWriter>(writer_.get(), &encoder_, cache_.get());
  ShareTable();
  return Status::OK();
}

Status Base::RemoveStrangers() {
  std::set<std::string> named{kManifestName};
  for (const auto& [number, state] : file_states_) {
    named.insert(FileName(state.file->kind(), number));
  }
  for (const auto& run : directory_->runs()) {
    named.insert(FileName(FileKind::kDirectory, run->number()));
  }
  ARROW_ASSIGN_OR_RAISE(const auto present, files_->List(folder_));
  for (const store::FileInfo& file : present) {
    if (file.is_folder || named.count(file.name) != 0) continue;
    ARROW_RETURN_NOT_OK(files_->Remove(folder_ + "/" + file.name));
  }
  return Status::OK();
}

std::shared_ptr<const FileNodeSource> Base::Source() const {
  std::lock_guard lock(mutex_);
  return source_;
}

void Base::SetHelpers(Executor* helpers) {
  {
    std::lock_guard lock(mutex_);
    helpers_ = std::make_shared<ReadHelpers>(helpers);
  }
  ShareTable();
}

Status Base::failed() const {
  std::lock_guard lock(mutex_);
  return failed_;
}

CommitId Base::watermark() const {
  std::lock_guard lock(mutex_);
  return watermark_;
}

uint64_t Base::series() const {
  std::lock_guard lock(mutex_);
  return series_;
}

void Base::AddSeries(int64_t count) {
  std::lock_guard lock(mutex_);
  series_ += static_cast<uint64_t>(count);
}

void Base::Obliterate(const SeriesId& series) {
  directory_->Put(series, {});
  std::lock_guard lock(mutex_);
  ++obliterations_;
}

void Base::AddDead(const std::vector<NodeAddress>& addresses) {
  std::lock_guard lock(mutex_);
  for (const NodeAddress& address : addresses) {
    if (!address.known()) continue;
    const auto moved = moved_.find(address.file);
    const auto state = file_states_.find(moved == moved_.end() ? address.file : moved->second);
    if (state != file_states_.end()) state->second.replaced_bytes += address.bytes;
  }
}

void Base::ShareTable() {
  std::lock_guard lock(mutex_);
  FileTable table;
  for (const auto& [number, state] : file_states_) {
    if (state.file->kind() == FileKind::kNodes) table[number] = state.file;
  }
  for (const auto& [number, packed] : moved_) table[number] = file_states_.at(packed).file;
  source_ = std::make_shared<FileNodeSource>(std::move(table), cache_, helpers_);
}

void Base::AdoptNewFiles() {
  const auto fresh = writer_->TakeNewFiles();
  {
    std::lock_guard lock(mutex_);
    written_bytes_ = writer_->taken_bytes();
    for (const NodeFilePtr& file : fresh) {
      file_states_[file->number()] = {.file = file, .searched = obliterations_};
    }
    for (auto& [number, state] : file_states_) {
      const auto closed = writer_->closed().find(number);
      if (closed != writer_->closed().end()) state.bytes = closed->second;
    }
    if (writer_->file()) file_states_.at(writer_->file()->number()).bytes = writer_->bytes();
  }
  if (!fresh.empty()) ShareTable();
}

Status Base::WriteHeads(const std::vector<std::shared_ptr<SeriesHead>>& heads, bool records) {
  ARROW_RETURN_NOT_OK(failed());
  std::vector<std::pair<std::shared_ptr<SeriesHead>, HeadImage>> batch;
  const auto write = [&]() -> Status {
    const auto source = Source();
    uint64_t batch_begin = writer_->taken_bytes();
    for (const auto& head : heads) {
      ARROW_ASSIGN_OR_RAISE(HeadImage image,
                            head->Write(*source, head_writer_.get(), &encoder_, records));
      batch.emplace_back(head, std::move(image));
      if (writer_->taken_bytes() - batch_begin >= kBatchBytes) {
        ARROW_RETURN_NOT_OK(FlushHeads(&batch));
        batch_begin = writer_->taken_bytes();
      }
    }
    return FlushHeads(&batch);
  };
  const Status status = write();
  if (!status.ok()) head_writer_->Abandon();
  return status;
}

Status Base::FlushHeads(std::vector<std::pair<std::shared_ptr<SeriesHead>, HeadImage>>* batch) {
  ARROW_RETURN_NOT_OK(writer_->Flush());
  // Readers must find the files before they are led there.
  AdoptNewFiles();
  std::vector<NodeAddress> dead;
  for (auto& [head, image] : *batch) {
    if (image.part.record.known()) directory_->Put(head->id(), image.part.record);
    dead.insert(dead.end(), image.dead.begin(), image.dead.end());
    head->Commit(std::move(image));
  }
  AddDead(dead);
  head_writer_->Finish();
  batch->clear();
  return Status::OK();
}

Manifest Base::MakeManifest(CommitId watermark, const std::vector<DirectoryRunPtr>& runs) const {
  std::lock_guard lock(mutex_);
  Manifest manifest;
  manifest.watermark = watermark;
  manifest.next_number = next_number_;
  manifest.series = series_;
  manifest.obliterations = obliterations_;
  if (writer_->file()) manifest.open_file = writer_->file()->number();
  for (const auto& [number, state] : file_states_) {
    manifest.files.push_back({.kind = state.file->kind(),
                              .number = number,
                              .bytes = state.bytes,
                              .replaced_bytes = state.replaced_bytes,
                              .gone_bytes = state.gone_bytes,
                              .searched = state.searched});
  }
  for (const auto& [number, packed] : moved_) manifest.moved.push_back({number, packed});
  for (const auto& run : runs) manifest.runs.push_back({run->number(), run->entries()});
  return manifest;
}

Status Base::Publish(CommitId watermark) {
  return PublishFiles(watermark, {});
}

Status Base::PublishFiles(CommitId watermark, std::vector<std::string> gone) {
  ARROW_RETURN_NOT_OK(failed());
  ARROW_RETURN_NOT_OK(Fail(writer_->Sync()));
  AdoptNewFiles();
  auto prepared = directory_->Prepare(&next_number_);
  if (!prepared.ok()) return Fail(prepared.status());
  Status published = files_->SyncFolder(folder_);
  if (published.ok()) {
    published = WriteManifest(files_, folder_, MakeManifest(watermark, prepared->runs));
  }
  if (!published.ok()) {
    directory_->Discard(*prepared);
    return Fail(published);
  }
  for (const DirectoryRunPtr& run : prepared->gone) gone.push_back(run->path());
  directory_->Publish(*std::move(prepared));
  {
    std::lock_guard lock(mutex_);
    watermark_ = watermark;
  }
  for (const std::string& path : gone) {
    const Status removed = files_->Remove(path);
    if (!removed.ok()) {
      logging::Warning("timeview", "{} is not needed any more, but cannot be removed: {}", path,
                       removed.ToString());
    }
  }
  return Status::OK();
}

Status Base::Fail(Status status) {
  // A full disk leaves what is in memory and what was durable as it was; after anything else nobody
  // knows what the files hold.
  if (!status.ok() && ReasonOf(status) != Reason::kDiskFull) {
    std::lock_guard lock(mutex_);
    failed_ = status;
  }
  return status;
}

void Base::AddStats(TimeViewStats* stats) const {
  const NodeCache::Stats cache = cache_->GetStats();
  stats->cache_bytes = cache.bytes;
  stats->cache_hits = cache.hits;
  stats->cache_misses = cache.misses;
  std::lock_guard lock(mutex_);
  stats->series = series_;
  stats->files = file_states_.size();
  for (const auto& [number, state] : file_states_) {
    stats->file_bytes += state.bytes;
    stats->dead_bytes += state.dead_bytes();
  }
  stats->written_bytes = written_bytes_;
}

}  // namespace firth::timeview
