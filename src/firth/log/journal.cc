#include "firth/log/journal.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

#include "firth/common/checksum.h"
#include "firth/log/recovery.h"
#include "firth/store/block_file.h"

namespace firth::log {
namespace {

constexpr size_t kOpenFilesMax = 256;
/// Up to this many of the steps that room is reserved in are reserved at once.
constexpr uint64_t kReserveStepsMax = 8;
constexpr size_t kReadPieceBytes = 2 << 20;
constexpr char kMarkName[] = "synced";
constexpr uint64_t kMarkMagic = 0x4b52414d48545246;  // "FRTHMARK"
constexpr size_t kMarkBytes = 32;
constexpr char kEndWord[] = "firth-log-end";

struct LiveText {
  uint64_t through = 0;
  std::vector<LiveFile> files;
};

Result<LiveText> ParseLive(const std::string& text) {
  LiveText live;
  if (text.empty()) return live;
  std::istringstream in(text);
  std::string word;
  int version = 0;
  in >> word >> version;
  if (word != "firth-log-files" || !in) {
    return Error(Code::kDataLoss, Reason::kNone, "the catalog's list of log files is damaged");
  }
  if (version > 1) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "the catalog's list of log files has format " + std::to_string(version) +
                     ": use a newer firth");
  }
  in >> word >> live.through;
  LiveFile file;
  while (in >> file.number >> file.from >> file.to) live.files.push_back(file);
  if (!in.eof()) {
    return Error(Code::kDataLoss, Reason::kNone, "the catalog's list of log files is damaged");
  }
  return live;
}

std::string LiveAsText(uint64_t through, const std::vector<LiveFile>& files) {
  std::string text = "firth-log-files 1\nthrough " + std::to_string(through) + "\n";
  for (const LiveFile& file : files) {
    if (file.from > through) continue;
    text += std::to_string(file.number) + " " + std::to_string(file.from) + " " +
            std::to_string(file.to) + "\n";
  }
  return text;
}

std::string MarkRecord(uint64_t number, uint64_t bytes) {
  std::string mark;
  AppendLe<uint64_t>(&mark, kMarkMagic);
  AppendLe<uint64_t>(&mark, number);
  AppendLe<uint64_t>(&mark, bytes);
  AppendLe<uint64_t>(&mark, Hash64(AsBytes(mark)));
  return mark;
}

/// The number in a name of ours, or nullopt.
std::optional<uint64_t> NumberOf(const std::string& name, const char* format,
                                 const std::function<std::string(uint64_t)>& name_of,
                                 uint64_t bit) {
  unsigned long long number = 0;
  if (std::sscanf(name.c_str(), format, &number) != 1) return std::nullopt;
  const uint64_t with_bit = number | bit;
  return name_of(with_bit) == name ? std::optional(with_bit) : std::nullopt;
}

}  // namespace

Journal::Journal(JournalOptions options)
    : options_(std::move(options)),
      recent_(std::make_shared<store::RecentBytes>(
          std::min(options_.recent_bytes, options_.file_bytes_max / 2))),
      read_memory_(std::make_shared<BlockMemory>(
          kReadPieceBytes, std::max<size_t>(2, options_.recent_bytes / kReadPieceBytes))) {}

std::string Journal::FileName(uint64_t number) {
  char name[40];
  std::snprintf(name, sizeof name, "%016llx.%s",
                static_cast<unsigned long long>(number & ~kRewrittenBit),
                (number & kRewrittenBit) != 0 ? "sorted" : "journal");
  return name;
}

std::string Journal::IndexName(uint64_t number) {
  return FileName(number) + ".index";
}

std::string Journal::PathOf(uint64_t number) const {
  return options_.folder + "/" + FileName(number);
}

std::string Journal::IndexPathOf(uint64_t number) const {
  return options_.folder + "/" + IndexName(number);
}

Result<std::unique_ptr<Journal>> Journal::Open(JournalOptions options) {
  std::unique_ptr<Journal> journal(new Journal(std::move(options)));
  ARROW_RETURN_NOT_OK(journal->Find());
  return journal;
}

Status Journal::Find() {
  ARROW_RETURN_NOT_OK(options_.files->MakeFolder(options_.folder));
  const size_t slash = options_.folder.rfind('/');
  ARROW_RETURN_NOT_OK(options_.files->SyncFolder(
      slash == std::string::npos ? std::string() : options_.folder.substr(0, slash)));
  std::string text;
  if (options_.live != nullptr) {
    ARROW_ASSIGN_OR_RAISE(text, options_.live());
  }
  ARROW_ASSIGN_OR_RAISE(const LiveText named, ParseLive(text));
  ARROW_ASSIGN_OR_RAISE(const auto listed, options_.files->List(options_.folder));
  std::set<uint64_t> there;
  for (const auto& info : listed) {
    auto number = NumberOf(info.name, "%16llx.journal", FileName, 0);
    if (!number) number = NumberOf(info.name, "%16llx.sorted", FileName, kRewrittenBit);
    if (number) there.insert(*number);
  }
  if (!text.empty() && there.empty()) {
    return Error(Code::kDataLoss, Reason::kFileMissing,
                 "the log file " + PathOf(named.through + 1) + " is missing, with all others");
  }
  through_ = named.through;
  live_ = named.files;
  for (const LiveFile& file : live_) {
    if (!there.contains(file.number)) {
      return Error(Code::kDataLoss, Reason::kFileMissing,
                   "the log file " + PathOf(file.number) + " is missing");
    }
  }
  uint64_t next = through_ + 1;
  for (const uint64_t number : there) {
    if ((number & kRewrittenBit) != 0) {
      next_rewritten_ = std::max(next_rewritten_, number + 1);
    } else if (number > through_) {
      if (number != next) {
        return Error(Code::kDataLoss, Reason::kFileMissing,
                     "the log file " + PathOf(next) + " is missing");
      }
      live_.push_back({.number = number, .from = number, .to = number});
      ++next;
    }
  }
  // The newest file has nothing after it that would miss it but the mark.
  ARROW_RETURN_NOT_OK(FindMark());
  if (marked_.number >= next) {
    return Error(Code::kDataLoss, Reason::kFileMissing,
                 "the log file " + PathOf(next) + " is missing");
  }
  std::sort(live_.begin(), live_.end(),
            [](const LiveFile& a, const LiveFile& b) { return a.from < b.from; });
  ARROW_RETURN_NOT_OK(DropFileBegunInVain());
  std::set<std::string> names{kMarkName};
  for (const LiveFile& file : live_) {
    names.insert(FileName(file.number));
    names.insert(IndexName(file.number));
  }
  // What nobody names: replaced files that were not removed yet, and new ones that were not named.
  bool removed = false;
  for (const auto& info : listed) {
    if (info.is_folder || names.contains(info.name)) continue;
    ARROW_RETURN_NOT_OK(options_.files->Remove(options_.folder + "/" + info.name));
    removed = true;
  }
  return removed ? options_.files->SyncFolder(options_.folder) : Status::OK();
}

Status Journal::DropFileBegunInVain() {
  if (live_.empty()) return Status::OK();
  const uint64_t number = live_.back().number;
  if ((number & kRewrittenBit) != 0 || MarkedBytes(number) > 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto file, FileByNumber(number));
  FileScan scan(file.get(), number, CommitId(0));
  ARROW_ASSIGN_OR_RAISE(const bool begun, scan.CheckHeader(/*last=*/true));
  if (begun) return Status::OK();
  ARROW_RETURN_NOT_OK(RemoveFile(number));
  return options_.files->SyncFolder(options_.folder);
}

std::vector<LiveFile> Journal::live() const {
  std::lock_guard lock(mutex_);
  return live_;
}

uint64_t Journal::BytesOf(uint64_t number) const {
  const auto file = FileByNumber(number);
  if (!file.ok()) return 0;
  return (*file)->Size().ValueOr(0);
}

Status Journal::Scan(uint64_t number, bool recover, bool bodies, const VisitCommit& visit) {
  ARROW_ASSIGN_OR_RAISE(const auto file, FileByNumber(number));
  const bool rewritten = (number & kRewrittenBit) != 0;
  // At the start files are scanned in their order.
  const bool in_order = current_ == nullptr && !rewritten;
  FileScan scan(file.get(), number, in_order ? last_id_ : CommitId(0));
  ARROW_ASSIGN_OR_RAISE(const bool begun, scan.CheckHeader(recover));
  if (!begun) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 PathOf(number) + " is damaged at byte 0: it held " +
                     std::to_string(MarkedBytes(number)) + " bytes, and its header is gone");
  }
  const FileScan::Options options{
      .last = recover,
      .rewritten = rewritten,
      .bodies = bodies,
      .bytes_max = !recover && number == number_ ? position_.load() : UINT64_MAX,
      .synced_bytes = recover ? MarkedBytes(number) : 0};
  uint64_t entries = 0;
  ARROW_RETURN_NOT_OK(scan.Run(options, [&](const RecoveredCommit& commit) {
    entries += commit.entries.size();
    return visit(commit);
  }));
  if (!recover) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, file->Size());
  if (size != scan.end()) {
    // What is cut off here must never come back: the cut is durable before anything is written.
    ARROW_RETURN_NOT_OK(file->Truncate(scan.end()));
  }
  // What a killed process wrote may be whole and yet not durable; it will be shown, so it must be.
  ARROW_RETURN_NOT_OK(Sync(file.get()));
  current_ = file;
  number_ = number;
  position_ = scan.end();
  reserved_ = scan.end();
  entries_ = entries;
  return Status::OK();
}

Status Journal::Begin() {
  if (current_ == nullptr) {
    uint64_t last = through_;
    for (const LiveFile& file : live()) last = std::max(last, file.to);
    ARROW_RETURN_NOT_OK(BeginFile(last + 1));
    // From here on a store without any file of the journal is a store that lost them.
    if (options_.keep_live != nullptr) {
      ARROW_RETURN_NOT_OK(options_.keep_live(LiveAsText(through_, live())));
    }
  } else {
    ARROW_ASSIGN_OR_RAISE(auto file, store::OpenToAppend(options_.files, PathOf(number_), recent_));
    SetCurrent(std::move(file));
    std::lock_guard lock(mutex_);
    open_[number_] = current_;
  }
  ARROW_ASSIGN_OR_RAISE(const bool is_marked, options_.files->Exists(MarkPath()));
  if (is_marked) {
    ARROW_ASSIGN_OR_RAISE(mark_, options_.files->Open(MarkPath()));
  } else {
    auto made = options_.files->Create(MarkPath());
    // For want of room nothing is noted: recovery is then less sharp, and that is all.
    if (ReasonOf(made.status()) != Reason::kDiskFull) {
      ARROW_ASSIGN_OR_RAISE(mark_, std::move(made));
    }
  }
  ARROW_RETURN_NOT_OK(MendMark());
  if (marked_.number == 0 || !end_is_kept_) return MarkDurably();
  Mark();
  return Status::OK();
}

Status Journal::BeginFile(uint64_t number) {
  if (may_be_left_) ARROW_RETURN_NOT_OK(options_.files->Remove(PathOf(number)));
  auto created = store::CreateToAppend(options_.files, PathOf(number), recent_);
  may_be_left_ = CodeOf(created.status()) != Code::kAlreadyExists;
  ARROW_ASSIGN_OR_RAISE(auto file, std::move(created));
  const auto begin = [&]() -> Status {
    const std::string header = EncodeFileHeader(number, options_.clock->NowNs());
    ARROW_RETURN_NOT_OK(file->Write(0, {AsBytes(header)}));
    ARROW_RETURN_NOT_OK(Sync(file.get()));
    Status named = options_.files->SyncFolder(options_.folder);
    broken_ |= !named.ok();
    return named;
  };
  if (Status begun = begin(); !begun.ok()) {
    // Leave nothing behind that recovery would take for a file of the journal.
    ARROW_RETURN_NOT_OK(options_.files->Remove(PathOf(number)));
    may_be_left_ = false;
    return begun;
  }
  may_be_left_ = false;
  const uint64_t closed = number_;
  SetCurrent(std::move(file));
  number_ = number;
  position_ = kFileHeaderBytes;
  reserved_ = kFileHeaderBytes;
  entries_ = 0;
  std::lock_guard lock(mutex_);
  // Nothing is written to the last one any more: it is opened anew by whoever reads it.
  open_.erase(closed);
  open_[number] = current_;
  live_.push_back({.number = number, .from = number, .to = number});
  return Status::OK();
}

void Journal::SetCurrent(std::unique_ptr<store::BlockFile> file) {
  appended_ = file.get();
  current_ = std::move(file);
}

Status Journal::Prepare(uint64_t bytes, uint64_t entries) {
  const bool full =
      position_ + bytes > options_.file_bytes_max || entries_ + entries > options_.file_entries_max;
  if (position_ > kFileHeaderBytes && full) {
    // A file that is not the last has no tail: recovery takes whatever does not verify in it for
    // rot.
    ARROW_RETURN_NOT_OK(current_->Truncate(position_));
    reserved_ = position_;
    ARROW_RETURN_NOT_OK(Sync(current_.get()));
    ARROW_RETURN_NOT_OK(BeginFile(number_ + 1));
  }
  entries_ += entries;
  if (position_ + bytes <= reserved_) return Status::OK();
  // The more a file holds, the more room is reserved at once: each time costs, and what is reserved
  // in few pieces lies in few. Near the end of the disk it is less, and then just what this group
  // needs.
  const uint64_t least = std::max<uint64_t>(options_.reserve_bytes, 1);
  const uint64_t most = std::clamp(position_.load(), least, kReserveStepsMax * least);
  Status reserved;
  for (const uint64_t step : {most, least, uint64_t{1}}) {
    const uint64_t wanted = std::min((position_ + bytes + step - 1) / step * step,
                                     std::max(position_ + bytes, options_.file_bytes_max));
    reserved = current_->Reserve(wanted);
    if (reserved.ok()) {
      reserved_ = wanted;
      break;
    }
  }
  return reserved;
}

Status Journal::Append(const std::vector<store::HeldBytes>& parts, uint64_t bytes) {
  FIRTH_CHECK(position_ + bytes <= reserved_);
  ARROW_RETURN_NOT_OK(appended_->WriteHeld(position_, parts));
  ARROW_RETURN_NOT_OK(Sync(current_.get()));
  position_ += bytes;
  Mark();
  return Status::OK();
}

Status Journal::Sync(store::File* file) {
  Status synced = file->Sync();
  broken_ |= !synced.ok();
  ++syncs_;
  return synced;
}

std::string Journal::MarkPath() const {
  return options_.folder + "/" + kMarkName;
}

std::string Journal::MarkContent() const {
  const std::string record = MarkRecord(number_, position_);
  return record + record;
}

void Journal::Mark() {
  if (mark_ == nullptr) return;
  const std::string record = MarkRecord(number_, position_);
  // It only makes recovery sharper: what cannot be written leaves what was written before.
  static_cast<void>(mark_->Write(++marks_ % 2 * kMarkBytes, {AsBytes(record)}));
}

Status Journal::MarkDurably() {
  const auto mark = [&]() -> Status {
    ARROW_RETURN_NOT_OK(mark_->Write(0, {AsBytes(MarkContent())}));
    ARROW_RETURN_NOT_OK(mark_->Sync());
    ARROW_RETURN_NOT_OK(options_.files->SyncFolder(options_.folder));
    if (options_.keep_end == nullptr) return Status::OK();
    return options_.keep_end(std::string(kEndWord) + " 1\n" + std::to_string(number_) + " " +
                             std::to_string(position_) + "\n");
  };
  if (mark_ == nullptr) return Status::OK();
  Status marked = mark();
  // For want of room the mark, or the catalog, goes on saying what it said: less, and true.
  return ReasonOf(marked) == Reason::kDiskFull ? Status::OK() : marked;
}

Status Journal::MendMark() {
  if (!torn_record_.has_value() || mark_ == nullptr) return Status::OK();
  const std::string record = MarkRecord(marked_.number, marked_.bytes);
  const Status written = mark_->Write(*torn_record_ * kMarkBytes, {AsBytes(record)});
  if (ReasonOf(written) != Reason::kDiskFull) {
    ARROW_RETURN_NOT_OK(written);
    return mark_->Sync();
  }
  mark_.reset();  // better none that is new than none that is whole
  return Status::OK();
}

Status Journal::FindMark() {
  std::string text;
  if (options_.end != nullptr) {
    ARROW_ASSIGN_OR_RAISE(text, options_.end());
  }
  Marked end;
  end_is_kept_ = !text.empty() || options_.keep_end == nullptr;
  if (!text.empty()) {
    std::istringstream in(text);
    std::string word;
    int version = 0;
    in >> word >> version >> end.number >> end.bytes;
    if (word != kEndWord || !in) {
      return Error(Code::kDataLoss, Reason::kNone, "the catalog's end of the log is damaged");
    }
    if (version > 1) {
      return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                   "the catalog's end of the log has format " + std::to_string(version) +
                       ": use a newer firth");
    }
  }
  const auto mark = store::ReadFile(options_.files, MarkPath(), 4096);
  if (!mark.ok() && ReasonOf(mark.status()) != Reason::kFileMissing) return mark.status();
  const std::string content = mark.ok() ? (*mark)->ToString() : "";
  int whole = 0;
  for (size_t at = 0; at + kMarkBytes <= content.size(); at += kMarkBytes) {
    const Marked found{.number = LoadLe<uint64_t>(content.data() + at + 8),
                       .bytes = LoadLe<uint64_t>(content.data() + at + 16)};
    const std::string_view record = std::string_view(content).substr(at, kMarkBytes);
    if (record != MarkRecord(found.number, found.bytes)) continue;
    ++whole;
    torn_record_ = 1 - at / kMarkBytes % 2;  // if this is the only whole one
    marked_ = std::max(marked_, found);
  }
  if (whole != 1) torn_record_.reset();
  // A power cut can tear one of its records, not both.
  if (marked_ >= end) return Status::OK();
  if (content.empty()) {
    return Error(
        Code::kDataLoss, Reason::kFileMissing,
        "the file " + MarkPath() + " is missing or empty: it says how far the log is durable");
  }
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               MarkPath() + " is damaged: it says less of the log than the catalog does");
}

Status Journal::Close(CommitId last, int64_t last_time_ns) {
  const std::vector<EntryDraft> none;
  const CommitImage seal(none, kCommitIsSeal,
                         {.id = last, .time_ns = last_time_ns, .group_start = position_});
  if (Status prepared = Prepare(seal.bytes(), 0); !prepared.ok()) {
    // Without room for a seal it ends as a killed process does.
    if (broken_ || ReasonOf(prepared) != Reason::kDiskFull) return prepared;
    return MarkDurably();
  }
  const CommitImage placed(none, kCommitIsSeal,
                           {.id = last, .time_ns = last_time_ns, .group_start = position_});
  std::vector<store::HeldBytes> parts;
  placed.AddParts(&parts);
  ARROW_RETURN_NOT_OK(Append(parts, placed.bytes()));
  ARROW_RETURN_NOT_OK(current_->Truncate(position_));
  reserved_ = position_;
  ARROW_RETURN_NOT_OK(current_->Sync());
  // From here on all is known: whatever is missing at the next start is lost, not torn.
  return MarkDurably();
}

uint64_t Journal::NewNumber() {
  return next_rewritten_++;
}

Status Journal::RemoveFile(uint64_t number) {
  {
    std::lock_guard lock(mutex_);
    open_.erase(number);
    std::erase_if(live_, [&](const LiveFile& file) { return file.number == number; });
  }
  ARROW_RETURN_NOT_OK(options_.files->Remove(PathOf(number)));
  return options_.files->Remove(IndexPathOf(number));
}

Status Journal::Replace(const std::vector<uint64_t>& gone, const std::vector<LiveFile>& made) {
  std::vector<LiveFile> live;
  uint64_t through = 0;
  {
    std::lock_guard lock(mutex_);
    through = through_;
    for (const LiveFile& file : live_) {
      if (std::find(gone.begin(), gone.end(), file.number) == gone.end()) {
        live.push_back(file);
      } else {
        through = std::max(through, file.to);
      }
    }
  }
  live.insert(live.end(), made.begin(), made.end());
  std::sort(live.begin(), live.end(),
            [](const LiveFile& a, const LiveFile& b) { return a.from < b.from; });
  ARROW_RETURN_NOT_OK(options_.keep_live(LiveAsText(through, live)));
  {
    // The committer may have begun a file meanwhile.
    std::lock_guard lock(mutex_);
    for (const LiveFile& file : live_) {
      const bool known = std::any_of(live.begin(), live.end(), [&](const LiveFile& other) {
        return other.number == file.number;
      });
      const bool is_gone = std::find(gone.begin(), gone.end(), file.number) != gone.end();
      if (!known && !is_gone) live.push_back(file);
    }
    live_ = std::move(live);
    through_ = through;
  }
  return Status::OK();
}

Result<std::shared_ptr<store::File>> Journal::FileByNumber(uint64_t number) const {
  {
    std::lock_guard lock(mutex_);
    if (const auto found = open_.find(number); found != open_.end()) return found->second;
  }
  auto opened = store::OpenSettled(options_.files, PathOf(number), lately_);
  if (!opened.ok()) {
    if (ReasonOf(opened.status()) != Reason::kFileMissing) return opened.status();
    return Error(Code::kDataLoss, Reason::kFileMissing,
                 "the log file " + PathOf(number) + " is missing");
  }
  std::lock_guard lock(mutex_);
  if (open_.size() >= kOpenFilesMax) open_.erase(open_.begin());  // its readers keep it open
  return open_.emplace(number, std::move(*opened)).first->second;
}

size_t Journal::file_count() const {
  std::lock_guard lock(mutex_);
  return live_.size();
}

}  // namespace firth::log
