#include "firth/log/journal.h"

#include <algorithm>
#include <cstdio>

#include "firth/log/recovery.h"

namespace firth::log {

std::string Journal::FileName(uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "%016llx.journal", static_cast<unsigned long long>(number));
  return name;
}

std::string Journal::PathOf(uint64_t number) const {
  return options_.folder + "/" + FileName(number);
}

Result<std::unique_ptr<Journal>> Journal::Open(
    JournalOptions options, const std::function<Status(const RecoveredCommit&)>& visit) {
  std::unique_ptr<Journal> journal(new Journal(std::move(options)));
  ARROW_RETURN_NOT_OK(journal->Recover(visit));
  return journal;
}

Status Journal::Recover(const std::function<Status(const RecoveredCommit&)>& visit) {
  ARROW_RETURN_NOT_OK(options_.files->MakeFolder(options_.folder));
  const size_t slash = options_.folder.rfind('/');
  ARROW_RETURN_NOT_OK(options_.files->SyncFolder(
      slash == std::string::npos ? std::string() : options_.folder.substr(0, slash)));
  ARROW_ASSIGN_OR_RAISE(const auto listed, options_.files->List(options_.folder));
  std::vector<uint64_t> numbers;
  for (const auto& info : listed) {
    unsigned long long number = 0;
    if (std::sscanf(info.name.c_str(), "%16llx.journal", &number) == 1 &&
        info.name == FileName(number)) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && numbers[i] != numbers[i - 1] + 1) {
      return Error(Code::kDataLoss, Reason::kFileMissing,
                   "the journal file " + PathOf(numbers[i - 1] + 1) + " is missing");
    }
    ARROW_RETURN_NOT_OK(RecoverFile(numbers[i], i + 1 == numbers.size(), visit));
  }
  if (numbers.empty()) return BeginFile(1);
  if (current_ == nullptr) return BeginFile(numbers.back());  // it had not even begun
  return Status::OK();
}

Status Journal::RecoverFile(uint64_t number, bool last,
                            const std::function<Status(const RecoveredCommit&)>& visit) {
  const std::string path = PathOf(number);
  ARROW_ASSIGN_OR_RAISE(std::unique_ptr<store::File> opened, options_.files->Open(path));
  std::shared_ptr<store::File> file = std::move(opened);
  FileScan scan(file.get(), number, last_id_);
  ARROW_ASSIGN_OR_RAISE(const bool begun, scan.CheckHeader(last));
  if (!begun) {
    ARROW_RETURN_NOT_OK(options_.files->Remove(path));
    return options_.files->SyncFolder(options_.folder);
  }
  ARROW_RETURN_NOT_OK(scan.Run(last, visit));
  last_id_ = scan.last_id();
  {
    std::lock_guard lock(mutex_);
    files_[number] = file;
  }
  if (!last) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, file->Size());
  if (size != scan.end()) {
    // What is cut off here must never come back: the cut is durable before anything is written.
    ARROW_RETURN_NOT_OK(file->Truncate(scan.end()));
    ARROW_RETURN_NOT_OK(file->Sync());
    ++syncs_;
  }
  current_ = file;
  number_ = number;
  position_ = scan.end();
  reserved_ = scan.end();
  return Status::OK();
}

Status Journal::BeginFile(uint64_t number) {
  ARROW_ASSIGN_OR_RAISE(std::unique_ptr<store::File> file, options_.files->Create(PathOf(number)));
  const auto begin = [&]() -> Status {
    const std::string header = EncodeFileHeader(number, options_.clock->NowNs());
    ARROW_RETURN_NOT_OK(file->Write(0, {AsBytes(header)}));
    ARROW_RETURN_NOT_OK(file->Sync());
    return options_.files->SyncFolder(options_.folder);
  };
  if (Status begun = begin(); !begun.ok()) {
    // Leave nothing behind that recovery would take for a file of the journal.
    ARROW_RETURN_NOT_OK(options_.files->Remove(PathOf(number)));
    return begun;
  }
  syncs_ += 1;
  current_ = std::move(file);
  number_ = number;
  position_ = kFileHeaderBytes;
  reserved_ = kFileHeaderBytes;
  std::lock_guard lock(mutex_);
  files_[number] = current_;
  return Status::OK();
}

Status Journal::Prepare(uint64_t bytes) {
  const bool roll = position_ > kFileHeaderBytes && position_ + bytes > options_.file_bytes_max;
  if (roll) {
    // A file that is not the last has no tail: recovery takes whatever does not verify in it for
    // rot.
    ARROW_RETURN_NOT_OK(current_->Truncate(position_));
    reserved_ = position_;
    ARROW_RETURN_NOT_OK(current_->Sync());
    ++syncs_;
    ARROW_RETURN_NOT_OK(BeginFile(number_ + 1));
  }
  if (position_ + bytes <= reserved_) return Status::OK();
  const uint64_t step = std::max<uint64_t>(options_.reserve_bytes, 1);
  const uint64_t wanted = std::min((position_ + bytes + step - 1) / step * step,
                                   std::max(position_ + bytes, options_.file_bytes_max));
  if (Status reserved = current_->Reserve(wanted); !reserved.ok()) {
    // Near the end of the disk: take just what this group needs.
    ARROW_RETURN_NOT_OK(current_->Reserve(position_ + bytes));
    reserved_ = position_ + bytes;
    return Status::OK();
  }
  reserved_ = wanted;
  return Status::OK();
}

Status Journal::Append(const std::vector<Bytes>& parts, uint64_t bytes) {
  FIRTH_CHECK(position_ + bytes <= reserved_);
  ARROW_RETURN_NOT_OK(current_->Write(position_, parts));
  ARROW_RETURN_NOT_OK(current_->Sync());
  ++syncs_;
  position_ += bytes;
  return Status::OK();
}

Status Journal::Close(CommitId last, int64_t last_time_ns) {
  const CommitImage seal({}, kCommitIsSeal,
                         {.id = last, .time_ns = last_time_ns, .group_start = position_});
  ARROW_RETURN_NOT_OK(Prepare(seal.bytes()));
  const CommitImage placed({}, kCommitIsSeal,
                           {.id = last, .time_ns = last_time_ns, .group_start = position_});
  ARROW_RETURN_NOT_OK(Append(placed.parts(), placed.bytes()));
  ARROW_RETURN_NOT_OK(current_->Truncate(position_));
  reserved_ = position_;
  return current_->Sync();
}

Result<std::shared_ptr<store::File>> Journal::FileByNumber(uint64_t number) const {
  std::lock_guard lock(mutex_);
  const auto found = files_.find(number);
  if (found == files_.end()) {
    return Error(Code::kDataLoss, Reason::kFileMissing,
                 "the journal file " + PathOf(number) + " is missing");
  }
  return found->second;
}

size_t Journal::file_count() const {
  std::lock_guard lock(mutex_);
  return files_.size();
}

}  // namespace firth::log
